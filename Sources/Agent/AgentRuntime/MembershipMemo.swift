// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Foundation
internal import Logging
internal import Replication
internal import Secrets

/// What this node was told last of whom it belongs to, in a file of its own: a coordinator that lost its store is
/// rebuilt from it, also after all nodes have started anew. It holds no secret.
struct MembershipMemo: Sendable {
  /// The file's name in the data directory.
  static let fileName = "membership.json"
  /// The longest file that is read, in bytes.
  static let maximumLength = 64 << 10

  /// Reads what was kept; a file that can't be read says so in the log and counts as nothing.
  static func read(from directory: String, logger: Logger) -> MembershipReport? {
    let path = directory + "/" + fileName
    guard DurableFile.exists(path) else { return nil }
    do {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      guard bytes.count <= maximumLength else { throw CocoaError(.fileReadTooLarge) }
      return try JSONDecoder().decode(MembershipReport.self, from: bytes)
    } catch {
      logger.error("the membership memo can't be read", metadata: ["file": "\(path)", "reason": "\(error)"])
      return nil
    }
  }

  /// Keeps it, or removes the file.
  static func write(_ membership: MembershipReport?, to directory: String) throws {
    let path = directory + "/" + fileName
    guard let membership else {
      if DurableFile.exists(path) { try FileManager.default.removeItem(atPath: path) }
      return
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try DurableFile.replace(path, with: [UInt8](encoder.encode(membership)))
  }
}

extension AgentShell {
  /// Notes whom the node belongs to, as the coordinator said last, and keeps it if it is news.
  func noteMembership() {
    guard !core.isLeaving, let assignment = core.assignment else { return }
    let ranges = ipList.list.access?.first { $0.project == assignment.project }?.entries
      .filter { $0.expiresInMilliseconds == nil }.map(\.range)
    // Until there is a list of this life, what is known of the access list is what was known before.
    let known = membership?.project == assignment.project ? membership?.access : nil
    let noted = MembershipReport(assignment, access: ipList.list.version > 0 ? ranges : known)
    guard noted != membership else { return }
    membership = noted
    jobQueue.yield(.keepMembership)
  }

  /// Writes the newest word off the actor; a failure is repeated with the next one.
  func keepMembership() async {
    do {
      try await workshop.run { [membership, root = directory.root] in try MembershipMemo.write(membership, to: root) }
    } catch {
      logger.error("whom the node belongs to was not kept", metadata: ["reason": "\(error)"])
    }
  }
}
