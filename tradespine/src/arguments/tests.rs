//! What the command line accepts, and what it makes of it.

use clap::CommandFactory;

use super::*;

/// The words of a line, as a shell tells them apart: what stands in single quotes is one.
fn parsed(line: &str) -> Result<Arguments, clap::Error> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().collect(),
        _ => vec![part],
    });
    Arguments::try_parse_from(words)
}

fn command(line: &str) -> Command {
    parsed(line).expect("the line is good").command
}

#[test]
fn the_commands_do_not_contradict_themselves() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_has_an_example_that_it_accepts() {
    fn check(command: &clap::Command, path: &str) -> usize {
        let mut examples = 0;
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            if sub.has_subcommands() {
                examples += check(sub, &path);
                continue;
            }
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> =
                help.lines().filter_map(|line| line.split(&path).nth(1)).collect();
            assert!(!lines.is_empty(), "{path} has no example");
            for rest in lines {
                let rest = rest.split("&&").next().unwrap_or(rest);
                let rest = rest.split('(').next().unwrap_or(rest);
                assert!(parsed(&format!("{path}{rest}")).is_ok(), "{path}{rest}");
                examples += 1;
            }
        }
        examples
    }
    assert!(check(&Arguments::command(), "tradespine") >= 18);
}

#[test]
fn only_flags_that_were_given_are_settings() {
    let Command::Up(up) = command("tradespine up") else { panic!("not up") };
    assert_eq!(Flags::from(up), Flags::default());
    let line = "tradespine up --data-dir /tmp/d --shards 3 --no-market-maker";
    let Command::Up(up) = command(line) else { panic!("not up") };
    let expected = Flags {
        data_dir: Some("/tmp/d".into()),
        shards: Some(3),
        market_maker: Some(false),
        ..Flags::default()
    };
    assert_eq!(Flags::from(up), expected);
    for bad in ["--shards 0", "--shards 1025", "--shards one"] {
        assert!(parsed(&format!("tradespine up {bad}")).is_err(), "{bad}");
    }
}

#[test]
fn the_settings_file_can_be_named_before_and_after_the_command() {
    for line in ["tradespine --config a.toml up", "tradespine up --config a.toml"] {
        assert_eq!(parsed(line).expect("good").config, Some("a.toml".into()), "{line}");
    }
}

#[test]
fn a_replay_is_of_a_random_market_unless_there_is_a_file() {
    let Command::Replay(replay) = command("tradespine replay") else { panic!("not replay") };
    assert_eq!((replay.file, replay.frames, replay.speed), (None, None, Speed::Max));
    assert_eq!(replay.instrument, "BTC-USDT");
    assert_eq!(replay.gateway, "http://127.0.0.1:50051");
    assert_eq!(replay.market_data, "http://127.0.0.1:50053");
    assert_eq!(replay.websocket, "ws://127.0.0.1:8081");
    let line = "tradespine replay feed.gz --speed 10 --frames 5";
    let Command::Replay(replay) = command(line) else { panic!("not replay") };
    let ten = NonZeroU32::new(10).map(Speed::Factor);
    assert_eq!((replay.file, Some(replay.speed)), (Some("feed.gz".into()), ten));
    assert_eq!(replay.frames, Some(5));
}

#[test]
fn a_speed_is_max_or_a_whole_number() {
    assert_eq!("max".parse(), Ok(Speed::Max));
    for bad in ["0", "-1", "1.5", "fast", ""] {
        assert!(bad.parse::<Speed>().is_err(), "{bad}");
    }
}
