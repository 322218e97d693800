// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import DocumentServer
internal import Foundation
internal import Logging
internal import Replication
internal import Secrets

/// What this node was told last of whom it belongs to, in a file of its own: a coordinator that lost its store is
/// rebuilt from it, also after all nodes have started anew. It holds no secret.
struct MembershipMemo: Sendable, Codable, Equatable {
  /// The file's name in the data directory.
  static let fileName = "membership.json"
  /// The longest file that is read, in bytes.
  static let maximumLength = 64 << 10

  /// What the coordinator said last; in the file its parts stand beside `hasUsers`.
  let membership: MembershipReport
  /// Whether the cluster was seen to have users. Data that is closed can't tell, and drivers are let in at an address
  /// that others can reach only where it is known. The last user can't be removed, so it stays.
  let hasUsers: Bool

  private enum CodingKeys: String, CodingKey { case hasUsers }

  init(membership: MembershipReport, hasUsers: Bool) {
    (self.membership, self.hasUsers) = (membership, hasUsers)
  }

  /// What is to be kept of the coordinator's newest word, of what the data shows and of what was known `before`: that
  /// counts on as long as the cluster is the same.
  init(_ assignment: NodeAssignment, access: [IPRange]?, showsUsers: Bool, before: MembershipMemo?) {
    let isSame = before?.membership.project == assignment.project && before?.membership.cluster == assignment.cluster
    self.init(
      membership: MembershipReport(assignment, access: access),
      hasUsers: showsUsers || (isSame && before?.hasUsers == true))
  }

  init(from decoder: any Decoder) throws {
    let own = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      membership: try MembershipReport(from: decoder),
      hasUsers: try own.decodeIfPresent(Bool.self, forKey: .hasUsers) ?? false)
  }

  func encode(to encoder: any Encoder) throws {
    try membership.encode(to: encoder)
    var own = encoder.container(keyedBy: CodingKeys.self)
    try own.encode(hasUsers, forKey: .hasUsers)
  }

  /// Reads what was kept; a file that can't be read says so in the log and counts as nothing.
  static func read(from directory: String, logger: Logger) -> MembershipMemo? {
    let path = directory + "/" + fileName
    guard DurableFile.exists(path) else { return nil }
    do {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      guard bytes.count <= maximumLength else { throw CocoaError(.fileReadTooLarge) }
      return try JSONDecoder().decode(MembershipMemo.self, from: bytes)
    } catch {
      logger.error("the membership memo can't be read", metadata: ["file": "\(path)", "reason": "\(error)"])
      return nil
    }
  }

  /// Keeps it, or removes the file.
  static func write(_ memo: MembershipMemo?, to directory: String) throws {
    let path = directory + "/" + fileName
    guard let memo else {
      if DurableFile.exists(path) { try FileManager.default.removeItem(atPath: path) }
      return
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try DurableFile.replace(path, with: [UInt8](encoder.encode(memo)))
  }
}

extension AgentShell {
  /// Notes whom the node belongs to, as the coordinator said last, and keeps it if it is news.
  func noteMembership() {
    guard !core.isLeaving, let assignment = core.assignment else { return }
    let ranges = ipList.list.access?.first { $0.project == assignment.project }?.entries
      .filter { $0.expiresInMilliseconds == nil }.map(\.range)
    // Until there is a list of this life, what is known of the access list is what was known before.
    let known = memo?.membership.project == assignment.project ? memo?.membership.access : nil
    let noted = MembershipMemo(
      assignment, access: ipList.list.version > 0 ? ranges : known,
      showsUsers: drivers?.server.showsUsers == true, before: memo)
    guard noted != memo else { return }
    memo = noted
    jobQueue.yield(.keepMembership)
  }

  /// Notes that the cluster has users, once the data shows it.
  func noteUsers() {
    if memo?.hasUsers != true, drivers?.server.showsUsers == true { noteMembership() }
  }

  /// Writes the newest word off the actor; a failure is repeated with the next one.
  func keepMembership() async {
    do {
      try await workshop.run { [memo, root = directory.root] in try MembershipMemo.write(memo, to: root) }
    } catch {
      logger.error("whom the node belongs to was not kept", metadata: ["reason": "\(error)"])
    }
  }
}
