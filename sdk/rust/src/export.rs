//! The macros that make a component of a policy or of a tool.

/// Exports a [`Policy`](crate::Policy) as the component's policy; once a crate, whose type is
/// `cdylib`. Natively it expands to nothing, so the crate's tests need no Wasm.
#[macro_export]
macro_rules! export {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exports of a component are raw symbols")]
        const _: () = {
            static POLICY: ::std::sync::OnceLock<$policy> = ::std::sync::OnceLock::new();

            struct Guest;

            impl $crate::bindings::exports::writ::host::policy::Guest for Guest {
                fn describe() -> $crate::bindings::exports::writ::host::policy::Description {
                    $crate::guest::describe::<$policy>()
                }

                fn configure(settings: String) -> Result<(), String> {
                    $crate::guest::configure(&POLICY, &settings)
                }

                fn evaluate(
                    request: $crate::bindings::writ::host::types::Request,
                ) -> Result<$crate::bindings::exports::writ::host::policy::Decision, String>
                {
                    $crate::guest::evaluate(&POLICY, request)
                }
            }

    $crate::bindings::export!(Guest with_types_in $crate::bindings);
        };
    };
}

/// Exports a [`Tool`](crate::Tool) as the component's tool; once a crate, whose type is `cdylib`.
/// Natively it expands to nothing, so the crate's tests need no Wasm.
#[macro_export]
macro_rules! export_tool {
    ($tool:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exports of a component are raw symbols")]
        const _: () = {
            struct Guest;

            impl $crate::tool_bindings::exports::writ::host::tool::Guest for Guest {
                fn describe() -> $crate::tool_bindings::exports::writ::host::tool::Description {
                    $crate::tool_guest::describe::<$tool>()
                }

                fn call(arguments: String) -> Result<String, String> {
                    $crate::tool_guest::call::<$tool>(&arguments)
                }
            }

    $crate::tool_bindings::export!(Guest with_types_in $crate::tool_bindings);
        };
    };
}
