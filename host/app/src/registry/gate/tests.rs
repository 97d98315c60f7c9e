//! What a gate lets through, and what it does not.

use super::*;

/// What comes back of a request to a place, through a gate with one door, and what was stopped.
async fn ask(door: &Url, request: &str, admitted: u64) -> (String, Option<Stopped>) {
    ask_beside(0, door, request, admitted).await
}

/// The same, beside so many who have come before and say nothing.
async fn ask_beside(
    idle: usize,
    door: &Url,
    request: &str,
    admitted: u64,
) -> (String, Option<Stopped>) {
    let doors = vec![Door::new(door, Reachable::new(door, Vec::new()))];
    let is_plain = door.scheme() == "http";
    let gate = Gate::open(doors, is_plain, Duration::from_secs(60)).await.unwrap();
    gate.admit(admitted);
    let request = request.replace("PASS", &gate.keeper.pass);
    let call = async {
        let mut idlers = Vec::new();
        for _ in 0..idle {
            idlers.push(TcpStream::connect(gate.listener.local_addr().unwrap()).await.unwrap());
        }
        let mut stream = TcpStream::connect(gate.listener.local_addr().unwrap()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut back = Vec::new();
        // What is cut off may end in an error.
        stream.read_to_end(&mut back).await.ok();
        String::from_utf8(back).unwrap()
    };
    let back = tokio::select! {
        back = tokio::time::timeout(Duration::from_secs(60), call) => back.unwrap(),
        never = gate.serve() => match never {},
    };
    (back, gate.stopped())
}

/// Somebody who answers one call with what it was.
async fn echo(scheme: &str) -> Url {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("{scheme}://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (head, _) = head(&mut stream).await.unwrap();
        stream.write_all(&head).await.unwrap();
    });
    url
}

const OURS: &str = "Proxy-Authorization: PASS\r\n\r\n";

#[tokio::test]
async fn nobody_else_gets_to_a_registry_on_our_way() {
    let door = echo("https").await;
    let place = format!("127.0.0.1:{}", door.port().unwrap());
    let connect = format!("CONNECT {place} HTTP/1.1\r\n");
    let guessed = "Proxy-Authorization: Basic d3JpdDo=\r\n\r\n";
    for other in ["\r\n", guessed] {
        // Nor do they get to say a word of what is told of the pull.
        for connect in [connect.as_str(), "CONNECT call-this-number.example:443 HTTP/1.1\r\n"] {
            let (back, stopped) = ask(&door, &format!("{connect}{other}"), 1_000).await;
            assert!(back.is_empty() && stopped.is_none(), "{other}: {back} {stopped:?}");
        }
        let get = format!("GET http://call-this-number.example/ HTTP/1.1\r\n{other}");
        let (back, stopped) = ask(&door, &get, 1_000).await;
        assert!(matches!(stopped, Some(Stopped::Nameless)), "{other}: {stopped:?} {back}");
    }
    let (back, _) = ask(&door, &format!("{connect}{OURS}hello\r\n\r\n"), 1_000).await;
    assert_eq!(back, "HTTP/1.1 200 OK\r\n\r\nhello\r\n\r\n");
}

#[tokio::test]
async fn only_a_door_leads_out() {
    let check = async |door: &Url, target: &str| {
        let (back, stopped) = ask(door, &format!("{target} HTTP/1.1\r\n{OURS}"), 1_000).await;
        assert!(matches!(stopped, Some(Stopped::Elsewhere(_))), "{target}: {stopped:?} {back}");
    };
    let unfit = async |door: &Url, target: &str| {
        let (back, stopped) = ask(door, &format!("{target} HTTP/1.1\r\n{OURS}"), 1_000).await;
        assert!(back.is_empty(), "{target}: {back}");
        stopped.unwrap()
    };
    let (plain, tls) = (echo("http").await, echo("https").await);
    let port = plain.port().unwrap();
    check(&plain, "GET http://registry.example/v2/").await;
    check(&plain, &format!("GET http://localhost:{port}/v2/")).await;
    check(&plain, &format!("GET http://127.0.0.1:{}/v2/", port ^ 1)).await;
    let stopped = unfit(&plain, &format!("CONNECT 127.0.0.1:{port}")).await;
    assert!(matches!(stopped, Stopped::WithTls(_)), "{stopped:?}");
    let stopped = unfit(&tls, &format!("GET http://127.0.0.1:{}/", tls.port().unwrap())).await;
    assert!(matches!(stopped, Stopped::WithoutTls(_)), "{stopped:?}");
    check(&tls, "CONNECT 169.254.169.254:80").await;
    let head = format!("GET {plain}v2/ HTTP/1.1\r\n");
    let (back, stopped) = ask(&plain, &format!("{head}{OURS}"), 1_000).await;
    assert!(back.starts_with(&head) && stopped.is_none(), "{back} {stopped:?}");
}

#[tokio::test]
async fn no_more_comes_back_than_is_admitted() {
    let door = echo("http").await;
    let request = format!("GET {door} HTTP/1.1\r\n{OURS}");
    let (back, stopped) = ask(&door, &request, 10).await;
    assert!(matches!(stopped, Some(Stopped::TooMuch)), "{stopped:?} {back}");
}

#[tokio::test]
async fn a_name_that_leads_home_is_not_called() {
    let (door, meant) = (echo("http").await, "http://registry.example/".parse().unwrap());
    let doors = vec![Door::new(&door, Reachable::new(&meant, Vec::new()))];
    let gate = Gate::open(doors, true, Duration::from_secs(60)).await.unwrap();
    let call = Call { url: door, is_tunnel: false, is_ours: true };
    let stopped = gate.keeper.connect(&gate.keeper.doors[0], &call).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Address(_)), "{stopped:?}");
}

#[tokio::test]
async fn a_pull_gets_through_beside_strangers_who_say_nothing() {
    for idle in [20, NEWCOMERS_MAX + 20] {
        let door = echo("http").await;
        let head = format!("GET {door}v2/ HTTP/1.1\r\n");
        let (back, stopped) = ask_beside(idle, &door, &format!("{head}{OURS}"), 1_000).await;
        assert!(back.starts_with(&head) && stopped.is_none(), "{idle}: {back} {stopped:?}");
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_not_waited_for() {
    let door = echo("http").await;
    let (back, _) = ask(&door, "GET ", 1_000).await;
    assert!(back.is_empty());
    let (back, _) = ask(&door, &"x".repeat(HEAD_BYTES_MAX), 1_000).await;
    assert!(back.is_empty());
}
