//! A recorded Binance feed, line by line: the receive time in nanoseconds, a space, the frame as it
//! came. Among the frames is one answer of the REST depth call.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, bail};
use flate2::read::MultiGzDecoder;
use model::{Instrument, Price, Quantity, Side, decimal, instrument::ValueError};
use serde::Deserialize;

/// The longest line that is read: the REST snapshot with 5,000 levels a side is a tenth of it.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The precision of the recorded venue's quantities.
const ASSET_DECIMALS: u8 = 8;

/// One frame that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The whole book, as the REST call answered it.
    Snapshot {
        /// The last update that it contains.
        last_update: u64,
        /// Its levels.
        levels: Levels,
    },
    /// The levels that changed, with their new quantities.
    Depth {
        /// The first update that it contains.
        first_update: u64,
        /// The last one.
        last_update: u64,
        /// The changed levels.
        levels: Levels,
    },
    /// A trade.
    Trade {
        /// The side of whoever took.
        taker: Side,
        /// At which price.
        price: Price,
        /// How much.
        quantity: Quantity,
    },
    /// Anything else.
    Other,
}

/// Levels of both sides; a quantity of zero says that the level is gone.
pub type Levels = Vec<(Side, Price, Quantity)>;

/// The lines of a recording.
pub struct Feed {
    lines: Box<dyn BufRead + Send>,
    instrument: Instrument,
    line_number: u64,
    /// How many quantities were finer than the instrument's lot.
    floored: u64,
}

#[derive(Deserialize)]
struct Line {
    data: Option<Data>,
    #[serde(rename = "lastUpdateId")]
    last_update: Option<u64>,
    #[serde(default)]
    bids: Vec<[String; 2]>,
    #[serde(default)]
    asks: Vec<[String; 2]>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "e")]
    event: Option<String>,
    #[serde(rename = "U")]
    first_update: Option<u64>,
    #[serde(rename = "u")]
    last_update: Option<u64>,
    #[serde(rename = "b", default)]
    bids: serde_json::Value,
    #[serde(rename = "a", default)]
    asks: serde_json::Value,
    #[serde(rename = "p")]
    price: Option<String>,
    #[serde(rename = "q")]
    quantity: Option<String>,
    #[serde(rename = "m")]
    buyer_is_maker: Option<bool>,
}

impl Feed {
    /// Opens a recording, gzip or plain by its name.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn open(path: &Path, instrument: Instrument) -> anyhow::Result<Feed> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
        let reader: Box<dyn Read + Send> =
            if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Feed::of(BufReader::new(reader), instrument))
    }

    /// The recording in these lines.
    pub fn of(lines: impl BufRead + Send + 'static, instrument: Instrument) -> Feed {
        Feed { lines: Box::new(lines), instrument, line_number: 0, floored: 0 }
    }

    /// The next frame with its receive time in nanoseconds; `None` at the end.
    ///
    /// # Errors
    /// Where a line is not one of a recording.
    pub fn next(&mut self) -> anyhow::Result<Option<(u64, Frame)>> {
        let mut line = String::new();
        self.line_number += 1;
        let read = self.lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let line_number = self.line_number;
        let at = || format!("line {line_number} of the recording");
        let (received, frame) = line.split_once(' ').with_context(at)?;
        let received_nanos = received.parse().with_context(at)?;
        let frame = serde_json::from_str(frame.trim_end()).with_context(at)?;
        Ok(Some((received_nanos, self.frame(frame).with_context(at)?)))
    }

    /// How many quantities were finer than the instrument's lot, and were floored to it: the venue
    /// once had a finer lot, and orders of that time still rest far from the touch.
    pub fn floored(&self) -> u64 {
        self.floored
    }

    fn frame(&mut self, line: Line) -> anyhow::Result<Frame> {
        if let Some(last_update) = line.last_update {
            let levels = self.levels(&line.bids, &line.asks)?;
            return Ok(Frame::Snapshot { last_update, levels });
        }
        let Some(data) = line.data else { return Ok(Frame::Other) };
        match data.event.as_deref() {
            Some("depthUpdate") => self.depth(data),
            Some("trade") => self.trade(&data),
            _ => Ok(Frame::Other),
        }
    }

    fn depth(&mut self, data: Data) -> anyhow::Result<Frame> {
        let bids: Vec<[String; 2]> = serde_json::from_value(data.bids)?;
        let asks: Vec<[String; 2]> = serde_json::from_value(data.asks)?;
        Ok(Frame::Depth {
            first_update: data.first_update.context("a depth frame without U")?,
            last_update: data.last_update.context("a depth frame without u")?,
            levels: self.levels(&bids, &asks)?,
        })
    }

    fn trade(&self, data: &Data) -> anyhow::Result<Frame> {
        let (Some(price), Some(quantity), Some(buyer_is_maker)) =
            (&data.price, &data.quantity, data.buyer_is_maker)
        else {
            bail!("a trade frame without p, q or m");
        };
        Ok(Frame::Trade {
            taker: if buyer_is_maker { Side::Sell } else { Side::Buy },
            price: self.instrument.parse_price(price).context("the price of a trade")?,
            quantity: self
                .instrument
                .parse_quantity(quantity)
                .context("the quantity of a trade")?,
        })
    }

    fn levels(&mut self, bids: &[[String; 2]], asks: &[[String; 2]]) -> anyhow::Result<Levels> {
        let sides = [(Side::Buy, bids), (Side::Sell, asks)];
        let levels =
            sides.into_iter().flat_map(|(side, rows)| rows.iter().map(move |row| (side, row)));
        levels.map(|(side, row)| self.level(side, row)).collect()
    }

    fn level(
        &mut self,
        side: Side,
        [price, quantity]: &[String; 2],
    ) -> anyhow::Result<(Side, Price, Quantity)> {
        let is_gone = quantity.bytes().all(|byte| byte == b'0' || byte == b'.');
        let quantity = if is_gone {
            Quantity::ZERO
        } else {
            self.quantity(quantity).context("the quantity of a level")?
        };
        Ok((side, self.instrument.parse_price(price).context("the price of a level")?, quantity))
    }

    fn quantity(&mut self, text: &str) -> anyhow::Result<Quantity> {
        match self.instrument.parse_quantity(text) {
            Err(ValueError::OffGrid { .. }) => {
                self.floored += 1;
                let units = decimal::parse_units(text, ASSET_DECIMALS)?;
                let lots = units / self.instrument.listing().lot_size.units();
                Ok(Quantity::from_lots(u64::try_from(lots)?)?)
            }
            parsed => Ok(parsed?),
        }
    }
}
