// SPDX-License-Identifier: GPL-3.0-or-later

/// How far a node's data reached by its own words, as its coordinator remembers them.
///
/// Whatever disk the node starts from next in the same generation holds that much, or it is an older copy, on which
/// nobody may count.
public struct HeldPosition: Sendable, Codable, Equatable {
  /// The generation it said so of.
  public var generation: GenerationID
  /// An oplog index up to which everything was durable there, and committed.
  public var index: UInt64
  /// The highest Raft term it was seen in.
  public var term: UInt64

  /// Makes a position of its parts.
  public init(generation: GenerationID, index: UInt64, term: UInt64) {
    self.generation = generation
    self.index = index
    self.term = term
  }
}
