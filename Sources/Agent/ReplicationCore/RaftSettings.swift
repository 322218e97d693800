// SPDX-License-Identifier: GPL-3.0-or-later

/// The times and limits of a member; all members of a shard should have the same.
///
/// With the defaults a new primary exists within 6 s of a kill: a follower waits 3 to 4 s, and a split vote costs at
/// most 1.5 s more.
public struct RaftSettings: Sendable, Equatable {
  /// How long a follower waits at least for a sign of the leader; it waits this long to a third more, at random. Also
  /// how long a leader leads without hearing a majority, and how long a hand-over may block proposals.
  public var electionTimeout: Duration = .seconds(3)
  /// How often a leader shows itself.
  public var heartbeatInterval: Duration = .milliseconds(400)
  /// After how long an unanswered message with entries is sent again.
  public var appendRetryInterval: Duration = .seconds(1)
  /// How many entries a leader takes that are not committed yet; more are refused as overload.
  public var maximumUncommittedEntries: UInt64 = 4096
  /// How many entries one message may carry; the shell has a budget of bytes besides.
  public var maximumEntriesPerMessage = 1024
  /// How many bytes the entries of one message should have at most; one entry may be larger.
  public var maximumBatchBytes = 8 << 20
  /// How many bytes one entry's payload may have.
  public var maximumPayloadBytes = OplogRecord.maximumBytes
  /// A member this many entries behind the leader's end, or fewer, counts as caught up.
  public var caughtUpLag: UInt64 = 256

  /// The defaults.
  public init() {}

  /// Throws `invalidSettings` if a leader could not show itself in time, or a limit allows nothing.
  func check() throws(ReplicationError) {
    guard heartbeatInterval > .zero, appendRetryInterval > .zero, electionTimeout >= heartbeatInterval * 2,
      maximumUncommittedEntries > 0, maximumEntriesPerMessage > 0, maximumPayloadBytes > 0
    else {
      throw ReplicationError(
        .invalidSettings,
        "starting a member: intervals and limits must be positive, the election timeout two heartbeats or more")
    }
  }
}
