// SPDX-License-Identifier: GPL-3.0-or-later
public import Transport

/// What a node's links to other members carry at a moment.
public struct NetworkLoad: Sendable {
  /// What waits to be handled.
  public var inbox = MailboxLoad()
  /// Streams of copies of this node's data that others make; at most `CopyLimits.servedStreams`.
  public var copiesServed = 0
  /// Messages with entries that were not sent because their peer was slow.
  public var heldBack: UInt64 = 0
  /// Messages of processes that do not have the place of the member whose name they bear.
  public var refusedIncarnations: UInt64 = 0
  /// What all links and the listening socket counted.
  public var counters = TransportCounters()
  /// What waits to be sent.
  public var outbound = OutboundLoad()

  mutating func add(_ other: TransportCounters, _ load: OutboundLoad) {
    counters += other
    outbound.messages += load.messages
    outbound.bytes += load.bytes
  }
}
