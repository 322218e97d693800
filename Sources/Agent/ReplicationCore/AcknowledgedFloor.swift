// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What a member has said to others and must never take back, kept apart from its log, so that it does not vanish with
/// it: if the log or the vote it finds at a start falls below, the member lost what it had acknowledged.
///
/// The order that makes it true: a term or vote is durable in the member's own table first, then here, then it is told
/// to anybody; `end` is raised only to what is durable in the log, and lowered before the log is truncated.
public struct AcknowledgedFloor: Sendable, Equatable {
  /// The last term and vote.
  public var hardState: HardState
  /// A position the log held durably; it may hold more.
  public var end: LogPosition
  /// Set from the moment a loss is noticed until it is made good: see `MemberMode.recovering`.
  public var lostTerm: UInt64?
  /// Makes a floor of its parts.
  public init(hardState: HardState, end: LogPosition, lostTerm: UInt64? = nil) {
    self.hardState = hardState
    self.end = end
    self.lostTerm = lostTerm
  }

  /// Compares with what a member found on its disk. If that falls below, the floor remembers the loss, durably before
  /// the member says anything to anybody. Returns the state to start with, and the sentence of a new loss.
  ///
  /// `held` is what the member told others before: a disk that was put back from an older copy has an older floor too.
  public mutating func judge(_ found: RestoredState, held: HeldPosition? = nil) -> (state: RestoredState, loss: String?)
  {
    var state = found
    var loss: String?
    if case .recovering(let known) = found.mode { lostTerm = max(lostTerm ?? 0, known) }
    if end.index > found.log.base.index && !found.log.contains(end) {
      loss = "its oplog ends at \(found.log.last), but it had acknowledged \(end)"
    } else if !hardState.isKept(by: found.hardState) {
      loss = "it lost its vote or term \(hardState.term)"
    } else if let held, lostTerm == nil, held.index > found.log.last.index {
      loss = "its oplog ends at \(found.log.last), but it had said that it held \(held.index)"
      lostTerm = max(lostTerm ?? 0, min(held.term, LogPosition.maximum - 1))
    }
    if loss != nil {
      lostTerm = max(lostTerm ?? 0, hardState.term, found.hardState.term, found.log.last.term)
      // What is there now is all it can stand for from here on.
      hardState = found.hardState
      end = found.log.last
    }
    if let lostTerm { state.mode = .recovering(lostTerm: lostTerm) }
    return (state, loss)
  }
}

extension HardState {
  /// Whether `other` remembers this term and vote, or has gone on from it.
  fileprivate func isKept(by other: HardState) -> Bool {
    other.term > term || other.term == term && (vote == nil || other.vote == vote)
  }
}

/// As a file of one line per fact, with a sum over those before at the end.
extension AcknowledgedFloor {
  /// The most bytes of an encoded floor.
  public static let maximumBytes = 4096
  private static let heading = "keyfold floor 1"

  /// The file's contents.
  public func encoded() -> [UInt8] {
    var lines = [
      Self.heading, "term \(hardState.term)", "vote \(hardState.vote?.text ?? "")", "end \(end)",
    ]
    if let lostTerm { lines.append("lost \(lostTerm)") }
    let text = lines.joined(separator: "\n") + "\n"
    return Array((text + "sum \(Self.sum(text))\n").utf8)
  }

  /// Reads a file's contents; throws `malformedFloor` for anything that `encoded()` would not have written.
  public init(decoding bytes: [UInt8]) throws(ReplicationError) {
    let fault = ReplicationError(.malformedFloor, "reading what a member had acknowledged: the file is damaged")
    guard bytes.count <= Self.maximumBytes, let text = String(validating: bytes, as: UTF8.self) else { throw fault }
    var facts: [Substring: Substring] = [:]
    for line in text.split(separator: "\n").dropFirst() {
      guard let space = line.firstIndex(of: " ") else { throw fault }
      facts[line[..<space]] = line[line.index(after: space)...]
    }
    func number(_ name: Substring) -> UInt64? { facts[name].flatMap { UInt64($0) } }
    let end = facts["end"].map { $0.split(separator: ".").compactMap { UInt64($0) } } ?? []
    guard let term = number("term"), let vote = facts["vote"], end.count == 2 else {
      throw fault
    }
    let voter = vote.isEmpty ? nil : try? MemberID(String(vote))
    self.init(
      hardState: HardState(term: term, vote: voter), end: LogPosition(term: end[0], index: end[1]),
      lostTerm: number("lost"))
    guard encoded() == bytes else { throw fault }
  }

  /// FNV-1a, for accidents; who can write the file can write a sum too.
  private static func sum(_ text: String) -> String {
    let sum = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    return String(sum, radix: 16)
  }
}
