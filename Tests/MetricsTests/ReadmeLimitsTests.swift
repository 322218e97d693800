// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@testable import AgentRuntime
@testable import CoordinatorRuntime
@testable import DaemonRuntime
@testable import DocumentServer
@testable import LocalKMS
@testable import Metrics
@testable import Replication
@testable import Transport

@Suite("The README's limits are those of the code")
struct ReadmeLimitsTests {
  private static func text(_ name: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
  }

  private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

  /// A number with commas, as the README has them.
  private static func number(_ value: Int) -> String {
    value < 1_000 ? "\(value)" : number(value / 1_000) + "," + String("\(1_000 + value % 1_000)".dropFirst())
  }

  /// How a row begins, and its second column.
  private static var rows: [(String, String)] {
    let server = ServerLimits()
    let links = TransportLimits()
    return [
      (
        "driver connections of a node",
        "\(number(server.maximumConnections)); \(server.placesForLogins) |"
      ),
      ("messages of all drivers together", mebibytes(server.requestMemory)),
      (
        "replies of all drivers that may be large",
        "\(mebibytes(server.replyMemory)), \(mebibytes(server.largestReply))"
      ),
      ("unsent replies of a connection", "\(server.writeHighWaterMark >> 10) KiB"),
      (
        "replication messages that wait",
        "\(number(ReplicationNetwork.inboxCapacity)) and \(mebibytes(ReplicationNetwork.inboxByteCapacity))"
      ),
      ("entries that wait for a slow member", mebibytes(ReplicationNetwork.outboundByteLimit)),
      (
        "streams of copies that a node serves (a copy uses \(CopyLimits.streams))",
        "\(CopyLimits.servedStreams); \(mebibytes(Int(CopyLimits.readerBudgetBytes))) as the reader gives credit, "
          + "at most \(mebibytes(Int(CopyLimits.sourceBudgetBytes))), and one chunk; "
          + mebibytes(CopyLimits.largestStartKeyBytes)
      ),
      ("requests about users", "\(RequestRoom.userLimit); \(RequestRoom.proofLimit)"),
      (
        "messages that wait to be sent on a link", "\(number(links.queuedMessages)) and \(mebibytes(links.queuedBytes))"
      ),
      (
        "connections to the local KMS",
        "\(LocalKMSConfiguration(directory: "").maximumConnections); \(MetricsServer.maximumConnections), for 10 s each"
      ),
      ("its audit log", "\(mebibytes(AuditLog.maximumFileBytes)), and \(AuditLog.keptFiles) files before it"),
    ]
  }

  @Test("row by row")
  func rows() throws {
    let lines = try Self.text("README.md").split(separator: "\n")
    for (what, limit) in Self.rows {
      let row = lines.first { $0.hasPrefix("| \(what)") }
      #expect(
        row?.contains("| \(limit)") == true, "\(what): the limit is \(limit); the README says \(row ?? "nothing")")
    }
  }

  @Test("and so are the numbers of open files, also in the units")
  func openFiles() throws {
    let needs = [OpenFileLimit.agent, OpenFileLimit.coordinator, OpenFileLimit.localKMS].map { Self.number(Int($0)) }
    let text = try Self.text("README.md").replacing("\n", with: " ")
    #expect(text.contains("less than \(needs[0]) (agent), \(needs[1]) (coordinator) or \(needs[2]) (local KMS)"))
    for unit in ["keyfold-agent@", "keyfold-coordinator", "keyfold-local-kms"] {
      let line = try Self.text("deploy/systemd/\(unit).service").split(separator: "\n")
        .first { $0.hasPrefix("LimitNOFILE=") }
      #expect(line.flatMap { UInt64($0.dropFirst("LimitNOFILE=".count)) } ?? 0 >= OpenFileLimit.agent, "\(unit)")
    }
  }
}
