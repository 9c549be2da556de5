//! The command line, as data.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Signal Video: a short-video app's backend in one binary.
///
/// Try first: `signal up` starts everything · `signal demo` fills it · `signal doctor` checks this machine.
#[derive(Debug, Parser)]
#[command(name = "signal", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 refused · 4 no server there")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Settings file; default is config/laptop.toml when it is there.
    #[arg(long, global = true, value_name = "FILE", env = "SIGNAL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where data lives.
    #[arg(long, global = true, value_name = "DIR", env = "DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Machine-readable output on standard output.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything in one process and print the address.
    Up(ServeArgs),
    /// Start chosen roles.
    Run {
        /// Roles, separated by spaces or commas.
        #[arg(required = true, value_delimiter = ',')]
        roles: Vec<Role>,
        #[command(flatten)]
        serve: ServeArgs,
    },
    /// Upload videos and follow them until they are live.
    Upload(UploadArgs),
    /// Your videos, or one of them.
    Videos {
        /// Show this one in full.
        id: Option<String>,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// A page of the feed, with the reason of each item.
    Feed {
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(10..=20))]
        limit: u32,
        #[arg(long)]
        cursor: Option<String>,
    },
    /// The review queue.
    #[command(subcommand)]
    Review(Review),
    /// Jobs that ran out of attempts.
    #[command(subcommand)]
    Dlq(Dlq),
    /// Make generated videos and simulated viewers through the public API.
    Demo {
        /// How many videos.
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100))]
        videos: u32,
        /// How many simulated viewers.
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=200))]
        viewers: u32,
    },
    /// Look at, encode and check video files on this machine, without a server.
    #[command(subcommand)]
    Media(Media),
    /// Install the model of the npm package nsfwjs for moderation.
    Classifier {
        /// The installed package (`node_modules/nsfwjs`).
        package: PathBuf,
        /// Where the model goes; default is the tool cache, where servers look for it.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Check ffmpeg, disk, ports and clock, and say what to do.
    Doctor {
        /// Run every store's cases against the tables' service of the settings, under a scratch prefix.
        #[arg(long)]
        aws: bool,
        /// Do not ask before something costs money.
        #[arg(long, requires = "aws")]
        yes: bool,
    },
    /// Print the OpenAPI 3.1 document.
    Openapi,
    /// Print what infrastructure must provide: tables, queues, buckets, variables, roles (JSON).
    Contract {
        /// Create the tables and queues of the settings at local doubles.
        #[arg(long)]
        create: bool,
    },
    /// Signing keys of the embedded issuer.
    #[command(subcommand)]
    Keys(Keys),
    /// A one-time operator link, and a session for the commands of this machine.
    Operator,
    /// Completions for your shell.
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Clone, Args, Default)]
pub struct ServeArgs {
    /// Address to listen on; 0.0.0.0 lets others on your network in.
    #[arg(long)]
    pub host: Option<String>,
    /// Port of the app, the API and the media.
    #[arg(long)]
    pub port: Option<u16>,
    /// Port of the S3 door.
    #[arg(long)]
    pub s3_port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// HTTP API, web client, media, WebSocket.
    Api,
    /// The S3 door.
    Objects,
    /// Moderation, encoding, counters, clean-up.
    Worker,
}

#[derive(Debug, Args)]
pub struct UploadArgs {
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[arg(long, default_value = "")]
    pub title: String,
    #[arg(long, default_value = "")]
    pub caption: String,
    /// Hashtags without #.
    #[arg(long = "tag")]
    pub tags: Vec<String>,
    #[arg(long, default_value = "public", value_parser = ["public", "unlisted", "private"])]
    pub visibility: String,
    /// Return once the file is safe instead of waiting until it is live.
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub enum Review {
    /// What waits for a person, oldest first.
    List,
    /// One video: labels, what nobody judged, earlier decisions.
    Show { id: String },
    /// Let it be published.
    Approve {
        id: String,
        /// A note for the record.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Do not publish; the owner reads the reason.
    Reject {
        id: String,
        #[arg(long)]
        reason: String,
        /// One of `signal review reasons`.
        #[arg(long, default_value = "other")]
        code: String,
    },
    /// The reasons there are.
    Reasons,
}

#[derive(Debug, Subcommand)]
pub enum Dlq {
    List,
    Show {
        id: String,
    },
    /// Give a dead job a fresh set of attempts.
    Replay {
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Media {
    /// What a file really is: tracks, size, length, pictures, gaps, key frames. Decodes nothing.
    Probe(MediaFiles),
    /// The ladder a file would get.
    Plan(MediaFiles),
    /// Encode into a folder of playlists and segments that players play, laid out as `[packaging]` says.
    Encode(MediaEncode),
    /// Check that a folder or playlist is what it says, by reading and decoding all of it.
    Validate(MediaFiles),
    /// The frames that moderation looks at, as pictures in a folder.
    Frames(MediaInto),
}

#[derive(Debug, Args)]
pub struct MediaFiles {
    /// Video files; for validate, folders or playlists.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MediaEncode {
    #[command(flatten)]
    pub into: MediaInto,
    /// Add rungs in AV1, where they are worth it.
    #[arg(long)]
    pub av1: bool,
}

#[derive(Debug, Args)]
pub struct MediaInto {
    /// Video files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the output goes, a new or empty folder; of several files, each gets a folder in it. Default is a
    /// folder here, named after the file.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Sign with a new key; old tokens stay valid until they expire.
    Rotate {
        /// The old key is in wrong hands: nothing it has signed is believed any more.
        #[arg(long)]
        compromised: bool,
    },
}
