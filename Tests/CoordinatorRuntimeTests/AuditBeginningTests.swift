// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import Foundation
import Testing
import Transport

@testable import CoordinatorRuntime
@testable import StateStore

@Suite("A record whose beginning somebody removed", .timeLimit(.minutes(10)))
struct AuditBeginningTests {
  private struct Failure: Error {}

  @Test("is said at the coordinator's start, and to whoever verifies it")
  func removed() async throws {
    try await CoordinatorHarness.withFolder { directory in
      try FileManager.default.createDirectory(
        atPath: (directory as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      do {
        let store = try StateStore(folder: directory, retainedAuditEntries: 10)
        let entries = (1...1100).map { number in
          RecordChange.append(
            AuditEntry(
              at: OperatorTime(milliseconds: Int64(number)), by: .coordinator, action: "test", subject: "s",
              detail: "d"))
        }
        try store.apply(entries)
        #expect(try store.auditBase().sequence > 0)
        try store.close()
      }
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        guard case .alerts(let alerts) = try await admin.ask(.listAlerts) else { throw Failure() }
        #expect(alerts.map(\.title) == [AlertKind.auditContradicted.title])
        guard case .audit(let page) = try await admin.ask(.readAudit(after: 0, limit: 1)) else { throw Failure() }
        #expect(page.retained == 1_000_000 && page.removal?.contains("were removed") == true)
      }
    }
  }
}
