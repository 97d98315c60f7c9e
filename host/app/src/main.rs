//! writ
fn main(){}
