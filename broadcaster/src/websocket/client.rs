//! One WebSocket client: what it is sent, what it may say, and how it ends.
//!
//! | how it ends | close |
//! |---|---|
//! | the broadcaster stops | 1001 |
//! | a message above 4 KiB | 1009 |
//! | no pong for [`PONG_WAIT_MAX`] | 1002 |
//! | too slow | 1013, with the sequence to go on from in its reason |
//! | a write that does not go through for [`PONG_WAIT_MAX`] | none: the connection is dropped |

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{self, Instant, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    hub::{FRAMES_A_TURN_MAX, Subscription, Turn},
    market::Frame,
    trace,
};

/// How often a client is pinged.
pub(super) const PING_EVERY: Duration = Duration::from_secs(20);

/// A client that has not answered three pings is gone, whatever its socket says; so is one that has
/// taken nothing for as long.
pub(super) const PONG_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long a client may take to answer a close.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);

/// How a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It closed, or its connection broke.
    Left,
    /// It takes nothing: not even a close can be sent.
    Stalled,
    /// It answers no ping.
    Silent,
    /// It said more than it may.
    TooLarge,
    /// It does not keep up.
    TooSlow { last_sequence: Option<u64> },
    /// The broadcaster stops.
    Stopping,
}

/// Sends a client what it subscribed to, until it leaves, is given up, or `stop`.
pub(super) async fn serve<S>(
    mut socket: WebSocketStream<S>,
    subscription: Subscription,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let end = converse(&mut socket, subscription, stop).await;
    metrics::counter!("tradespine_broadcaster_ended_total", "reason" => end.word()).increment(1);
    if end != End::Stalled {
        // Who does not answer a close in time is left all the same.
        let _ = time::timeout(CLOSE_WAIT_MAX, part(&mut socket, end)).await;
    }
}

async fn converse<S>(
    socket: &mut WebSocketStream<S>,
    mut subscription: Subscription,
    stop: &CancellationToken,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard_at = Instant::now();
    let mut pings = time::interval_at(heard_at + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut frames = Vec::with_capacity(FRAMES_A_TURN_MAX);
    let seconds = metrics::histogram!("tradespine_broadcaster_send_seconds");
    loop {
        // What came in is heard before the pings are counted: a write may have taken long.
        let sent = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopping,
            inbound = socket.next() => match hear(inbound) {
                Ok(is_pong) => {
                    if is_pong {
                        heard_at = Instant::now();
                    }
                    Ok(())
                }
                Err(end) => return end,
            },
            _ = pings.tick() => {
                if heard_at.elapsed() >= PONG_WAIT_MAX {
                    return End::Silent;
                }
                send(socket, [Message::Ping(Default::default())]).await
            }
            turn = subscription.next(&mut frames) => {
                let began = Instant::now();
                let sent = tell(socket, &subscription, &mut frames).await;
                seconds.record(began.elapsed());
                match turn {
                    Turn::Cut { last_sequence } => sent.and(Err(End::TooSlow { last_sequence })),
                    Turn::GoOn => sent,
                }
            }
        };
        if let Err(end) = sent {
            return end;
        }
    }
}

/// Whether what came in is a pong.
fn hear(inbound: Option<Result<Message, tungstenite::Error>>) -> Result<bool, End> {
    match inbound {
        Some(Ok(Message::Close(_))) | None => Err(End::Left),
        Some(Ok(message)) => Ok(message.is_pong()),
        Some(Err(tungstenite::Error::Capacity(_))) => Err(End::TooLarge),
        Some(Err(_)) => Err(End::Left),
    }
}

fn text(frame: Arc<Frame>) -> Message {
    Message::Text(frame.text())
}

/// Sends the frames of one turn, which is where the trace of an order ends.
async fn tell<S>(
    socket: &mut WebSocketStream<S>,
    subscription: &Subscription,
    frames: &mut Vec<Arc<Frame>>,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let live = if subscription.is_live() { frames.as_slice() } else { &[] };
    let spans = trace::sends(live, subscription.feed());
    let sent = send(socket, frames.drain(..).map(text)).await;
    if let Err(end) = sent {
        trace::failed(&spans, end.word());
    }
    sent
}

/// Writes all messages and flushes once.
async fn send<S>(
    socket: &mut WebSocketStream<S>,
    messages: impl IntoIterator<Item = Message>,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let written = time::timeout(PONG_WAIT_MAX, async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Left),
        Err(_) => Err(End::Stalled),
    }
}

/// Says why, and reads on until the client has said the same.
async fn part<S>(socket: &mut WebSocketStream<S>, end: End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(close) = end.close()
        && socket.send(Message::Close(Some(close))).await.is_err()
    {
        return;
    }
    // What has ended already gives nothing more; a close of the client's own is answered here.
    while let Some(Ok(_)) = socket.next().await {}
}

impl End {
    fn close(self) -> Option<CloseFrame> {
        let (code, reason): (_, Cow<'static, str>) = match self {
            End::Left | End::Stalled => return None,
            End::Silent => (CloseCode::Protocol, "no pong for 60 seconds".into()),
            End::TooLarge => (CloseCode::Size, "messages have at most 4096 bytes here".into()),
            End::TooSlow { last_sequence: None } => (CloseCode::Again, "too slow".into()),
            End::TooSlow { last_sequence: Some(sequence) } => {
                (CloseCode::Again, format!("too slow; last sequence {sequence}").into())
            }
            End::Stopping => (CloseCode::Away, "going away".into()),
        };
        Some(CloseFrame { code, reason: reason.as_ref().into() })
    }

    const fn word(self) -> &'static str {
        match self {
            End::Left => "left",
            End::Stalled => "stalled",
            End::Silent => "silent",
            End::TooLarge => "too_large",
            End::TooSlow { .. } => "too_slow",
            End::Stopping => "stopping",
        }
    }
}

#[cfg(test)]
mod tests;
