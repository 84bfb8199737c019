//! Prints what the hub costs on AWS, as Markdown: `cargo run -p cost`.

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("{}", cost::tables(&cost::Options::parse()).await?.join("\n"));
    Ok(())
}
