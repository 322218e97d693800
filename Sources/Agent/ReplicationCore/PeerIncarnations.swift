// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Which process of each peer may take part: one incarnation a node, whoever holds its CURVE key.
///
/// The coordinator says which process has a node's place, and that one always may. Another one is refused: a copy of
/// the node's disk and identity would vote and acknowledge in its name. Only a member that does not hear the
/// coordinator, and has not heard the named process for `silence` either, lets another one in, because that is what a
/// restart looks like; the named one has precedence as soon as it speaks again, and so has the coordinator.
public struct PeerIncarnations: Sendable {
  /// How long the named process has to be silent, the same time after which the coordinator gives its place away.
  public static let silence = Duration.seconds(10)
  /// How many processes of one peer are remembered that had its place before.
  static let formerLimit = 8

  /// What becomes of a message.
  public enum Verdict: Sendable, Equatable {
    /// It is handled.
    case admitted
    /// It is dropped; `isNews` says whether it is the first of its process.
    case refused(isNews: Bool)
  }

  private struct Peer: Sendable {
    var named: BootID?
    var heardAt: Duration
    /// Processes that had the place before: theirs no more, whatever is heard.
    var former: [BootID] = []
    /// The process that was refused last, so that it is told of once.
    var refused: BootID?
  }

  private var peers: [MemberID: Peer] = [:]
  /// Whether the coordinator is heard: then it alone decides.
  public var hearsCoordinator = false

  /// Makes the rule of a member that knows no peer yet.
  public init() {}

  /// Takes the processes that the coordinator names; nil where it names none, which takes no earlier word back.
  public mutating func onNamed(_ named: [(peer: MemberID, boot: BootID?)], now: Duration) {
    let known = peers
    peers = [:]
    for (peer, boot) in named {
      var entry = known[peer] ?? Peer(named: nil, heardAt: now)
      if let boot, boot != entry.named {
        entry.former.removeAll { $0 == boot }
        if let former = entry.named { entry.former = (entry.former + [former]).suffix(Self.formerLimit) }
        (entry.named, entry.heardAt, entry.refused) = (boot, now, nil)
      }
      peers[peer] = entry
    }
  }

  /// Judges a message that the process `boot` sends as `peer`; a process that does not say which it is, is none that
  /// was named.
  public mutating func onMessage(of peer: MemberID, boot: BootID?, now: Duration) -> Verdict {
    guard let entry = peers[peer], let named = entry.named else { return .admitted }
    if boot == named {
      peers[peer]?.heardAt = now
      return .admitted
    }
    if let boot, !hearsCoordinator, now - entry.heardAt >= Self.silence, !entry.former.contains(boot) {
      return .admitted
    }
    let isNews = entry.refused != boot
    peers[peer]?.refused = boot
    return .refused(isNews: isNews)
  }
}
