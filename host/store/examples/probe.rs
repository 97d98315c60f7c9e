use sqlx::sqlite::*;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::fmt::Write;
use std::time::{Duration, Instant};
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let _ = s;
    // sum over threads
    let mut t = 0f64;
    for e in std::fs::read_dir("/proc/self/task").unwrap() {
        let p = e.unwrap().path().join("schedstat");
        if let Ok(x) = std::fs::read_to_string(p) {
            t += x.split(' ').next().unwrap().parse::<f64>().unwrap();
        }
    }
    t / 1e3
}
const COLS: &str = "id,tenant,received_at_ms,request_id,trace_id,request_digest,subject_type,subject_id,action,resource_type,resource_id,policy_set,outcome,policies";
fn policies() -> String {
    r#"[{"binding":"rate-limit","image":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","mode":"enforce","verdict":"allow","fuel":12345,"duration_us":17,"memoised":false},{"binding":"rules","image":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","mode":"enforce","verdict":"abstain","fuel":12345,"duration_us":17,"memoised":false}]"#.into()
}
#[tokio::main]
async fn main() {
    let variant = std::env::args().nth(1).unwrap();
    let batch: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let schema = std::env::args().nth(3).unwrap_or("rowid".into());
    let page = std::env::args().nth(4).unwrap_or("4096".into());
    let dir = tempfile::tempdir_in(std::env::args().nth(5).unwrap_or("/dev/shm".into())).unwrap();
    let mut c = SqliteConnectOptions::new()
        .filename(dir.path().join("x.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .page_size(page.parse().unwrap())
        .pragma("wal_autocheckpoint", std::env::args().nth(6).unwrap_or("1000".into()))
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    let idt = if schema.contains("text") { "TEXT" } else { "BLOB" };
    let (pk, tail) = if schema.starts_with("wr") {
        ("PRIMARY KEY", "STRICT, WITHOUT ROWID")
    } else {
        ("", "STRICT")
    };
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE TABLE decisions({}id {idt} NOT NULL {pk}, tenant TEXT NOT NULL, received_at_ms INTEGER NOT NULL, request_id TEXT, trace_id TEXT, request_digest BLOB NOT NULL, subject_type TEXT NOT NULL, subject_id TEXT NOT NULL, action TEXT NOT NULL, resource_type TEXT NOT NULL, resource_id TEXT NOT NULL, policy_set BLOB NOT NULL, outcome TEXT NOT NULL, policies TEXT NOT NULL) {tail}", if schema.starts_with("wr") {""} else {"seq INTEGER PRIMARY KEY, "}))).execute(&mut c).await.unwrap();
    if schema.starts_with("rowid") && !schema.contains("noidx") {
        sqlx::raw_sql("CREATE UNIQUE INDEX d_id ON decisions(tenant, id)")
            .execute(&mut c)
            .await
            .unwrap();
    }
    let row = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    let values = |n: usize| {
        let mut s = format!("INSERT INTO decisions({COLS}) VALUES {row}");
        for _ in 1..n {
            write!(s, ",{row}").unwrap();
        }
        s
    };
    let sql = match variant.as_str() {
        "json" => format!(
            "INSERT INTO decisions({COLS}) SELECT value->>0, value->>1, value->>2, value->>3, value->>4, unhex(value->>5), value->>6, value->>7, value->>8, value->>9, value->>10, unhex(value->>11), value->>12, value->>13 FROM json_each(?1)"
        ),
        "json1" => format!(
            "INSERT INTO decisions({COLS}) SELECT value, 'default', 1234567890123, null, null, x'00', 'a', 'b', 'c', 'd', 'e', x'00', 'f', 'gg' FROM json_each(?1)"
        ),
        "values" | "single" => values(batch),
        "multi" => format!("BEGIN IMMEDIATE; {}; COMMIT", values(batch)),
        _ => panic!(),
    };
    let mut counter = 0u64;
    let mut latest = vec![];
    let n_batches = 40_000 / batch;
    for round in 0..3 {
        let (c0, t0) = (cpu(), Instant::now());
        let mut build = Duration::ZERO;
        for _ in 0..n_batches {
            let b0 = Instant::now();
            let mut args = SqliteArguments::default();
            use sqlx::Arguments;
            if variant.starts_with("json") {
                let mut s = String::from("[");
                for i in 0..batch {
                    counter += 1;
                    if i > 0 {
                        s.push(',');
                    }
                    let p = serde_json::to_string(&policies()).unwrap();
                    write!(s, r#"["0190{counter:028x}","default",1763692000000,"req-{counter}",null,"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","agent","agent-{}","transfer","account","DE{counter}","ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","permit",{p}]"#, counter % 100).unwrap();
                }
                s.push(']');
                args.add(s).unwrap();
            } else {
                for _ in 0..batch {
                    counter += 1;
                    if idt == "TEXT" {
                        args.add(format!("0190{counter:032x}")).unwrap();
                    } else {
                        let mut v = vec![1u8; 8];
                        v.extend(counter.to_be_bytes());
                        args.add(v).unwrap();
                    }
                    args.add("default").unwrap();
                    args.add(1763692000000i64).unwrap();
                    args.add(format!("req-{counter}")).unwrap();
                    args.add(None::<String>).unwrap();
                    args.add(vec![7u8; 32]).unwrap();
                    args.add("agent").unwrap();
                    args.add(format!("agent-{}", counter % 100)).unwrap();
                    args.add("transfer").unwrap();
                    args.add("account").unwrap();
                    args.add(format!("DE{counter}")).unwrap();
                    args.add(vec![7u8; 32]).unwrap();
                    args.add("permit").unwrap();
                    args.add(policies()).unwrap();
                }
            }
            build += b0.elapsed();
            let q0 = Instant::now();
            sqlx::query_with(AssertSqlSafe(sql.clone()), args).execute(&mut c).await.unwrap();
            latest.push(q0.elapsed().as_micros() as u64);
        }
        let n = (n_batches * batch) as f64;
        latest.sort();
        println!(
            "{variant} b{batch} {schema} p{page}: round {round} cpu {:.2} us/dec, wall {:.2}, build {:.2}; batch p50 {} p99 {} max {}",
            (cpu() - c0) / n,
            t0.elapsed().as_micros() as f64 / n,
            build.as_micros() as f64 / n,
            latest[latest.len() / 2],
            latest[latest.len() * 99 / 100],
            latest[latest.len() - 1]
        );
        latest.clear();
    }
    c.close().await.unwrap();
}
