// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Agents of two versions beside each other, as in the middle of an update.
extension CoordinatorCore {
  /// What agents can be compared by that do not all know which member joins: an older one counts that as a member like
  /// any other.
  private struct PlainWord: Hashable {
    var version: UInt64
    var project: ProjectName
    var members: Set<NodeName>
    var running: Bool

    init(_ word: MembershipReport) {
      (version, project, members, running) = (word.version, word.project, Set(word.members), word.running)
    }
  }

  /// What nodes that name one cluster say, so that an agent which does not know who joins contradicts nobody by that.
  ///
  /// It goes along with what the others say if these are a majority of the members without the one that joins. Fewer
  /// can't make a member one that joins: its plan could be taken back, and what it has destroyed. Then it comes back
  /// as a member, as if no agent knew of joining.
  static func reconciled(_ claims: [Claim]) -> [Claim] {
    let all = Dictionary(grouping: claims) { PlainWord($0.word) }.flatMap { common, same -> [Claim] in
      let knowing = same.filter { $0.word.knowsWhoJoins }
      let said = Set(knowing.map(\.word.joining))
      // Those that know and disagree contradict one another.
      guard knowing.count < same.count, said.count == 1, let joining = said.first ?? nil else { return same }
      let settled = common.members.subtracting([joining])
      let isBorneOut = knowing.count { settled.contains($0.node) } > settled.count / 2
      return same.map { claim in
        var claim = claim
        claim.word.joining = isBorneOut ? joining : nil
        return claim
      }
    }
    return all.sorted { $0.node < $1.node }
  }
}

extension MembershipReport {
  /// Whether its agent knows who joins: the versions that keep processes do.
  fileprivate var knowsWhoJoins: Bool { boots != nil }
}
