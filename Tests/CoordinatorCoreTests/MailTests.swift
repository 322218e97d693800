// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Owners get one mail when a key is taken away and one when it is back")
struct MailTests {
  static let server = MailServer(
    host: "smtp.example.org", port: 587, encryption: .startTLS, user: "keyfold", from: "keyfold@example.org")
  private static let owners = ["a@example.org", "b@example.org"]

  private func bench(server: Bool = true) throws -> Bench {
    var bench = try KeyTroubleTests.encrypted(owners: Self.owners)
    if server {
      try bench.order { core, now throws(CoordinatorError) in try core.setMailServer(Self.server, now: now) }
    }
    return bench
  }

  private func mails(_ bench: Bench) -> [(mail: MailRecord, to: String)] {
    bench.last.compactMap { if case .sendMail(let mail, let to, _) = $0 { (mail, to) } else { nil } }
  }

  private func revoke(_ bench: inout Bench) {
    bench.verdict(KeyTroubleTests.disabled)
    bench.pass(.seconds(1))
    bench.verdict(KeyTroubleTests.disabled)
    bench.check(2, KeyTroubleTests.disabled)
  }

  private func finish(_ bench: inout Bench, failure: String? = nil) {
    for (mail, to) in mails(bench) { bench.take(bench.core.onMail(mail.id, to: to, failure: failure, now: bench.now)) }
  }

  @Test("one mail to each owner at the lock-out, persisted with it; nothing more until the key is back, then one")
  func episode() throws {
    var bench = try bench()
    revoke(&bench)
    let first = mails(bench)
    #expect(first.map(\.to) == Self.owners)
    let mail = try #require(first.first?.mail)
    #expect(mail.text.contains("orders") && mail.text.contains(Bench.key) && mail.text.contains("Enable the key"))
    #expect(mail.subject == "The KMS key of project shop is revoked: 1 cluster disabled" && mail.answers == nil)
    guard case .persist(let changes) = bench.last.first else { throw TestFailure() }
    let kinds = changes.compactMap { if case .put(let record) = $0 { record.key.kind } else { nil } }
    #expect(kinds.contains(.mail) && kinds.contains(.cluster), "in one transaction")
    finish(&bench)
    for _ in 0..<5 {
      bench.verdict(KeyTroubleTests.disabled)
      for number in 1...3 { bench.check(number, KeyTroubleTests.disabled) }
      bench.pass(.seconds(600))
      #expect(mails(bench).isEmpty)
    }
    bench.verdict(.valid)
    let second = mails(bench)
    #expect(second.map(\.to) == Self.owners && second.first?.mail.answers == mail.id)
    #expect(second.first?.mail.subject.contains("is back") == true)
    finish(&bench)
    bench.verdict(.valid)
    bench.pass(.seconds(60))
    #expect(mails(bench).isEmpty)
  }

  @Test("lists all clusters that are affected in one mail")
  func allClusters() throws {
    var bench = try bench()
    add("stock", to: &bench)
    revoke(&bench)
    #expect(mails(bench).count == Self.owners.count)
    let text = try #require(mails(bench).first?.mail.text)
    #expect(text.contains("  orders\n  stock"))
  }

  /// Puts another cluster of the project, of one node, under the key.
  private func add(_ name: String, to bench: inout Bench) {
    let (other, node) = (ClusterName(checked: name), NodeName(checked: "\(name)-1"))
    var record = ClusterRecord(name: other, project: Bench.project, nodes: [node], createdAt: bench.now)
    record.encrypted = true
    bench.core.put(record)
    var enrolled = NodeRecord(
      name: node, publicKey: Bench.publicKey(80), enrolledAt: bench.now, intendedCluster: other)
    enrolled.cluster = other
    enrolled.generation = bench.core.nodeRecords[Bench.node(1)]?.generation
    bench.core.put(enrolled)
    bench.take(bench.core.flush())
  }

  @Test("no owner hears that a key is back before they heard that it was gone")
  func order() throws {
    var bench = try bench()
    revoke(&bench)
    let gone = try #require(mails(bench).first?.mail.id)
    bench.take(bench.core.onMail(gone, to: Self.owners[0], failure: nil, now: bench.now))
    bench.take(bench.core.onMail(gone, to: Self.owners[1], failure: "no", now: bench.now))
    bench.verdict(.valid)
    #expect(mails(bench).map(\.to) == [Self.owners[0]])
    finish(&bench)
    bench.pass(.seconds(20))
    #expect(mails(bench).isEmpty)
    bench.pass(.seconds(12))
    #expect(mails(bench).map(\.to) == [Self.owners[1]] && mails(bench).first?.mail.id == gone)
    finish(&bench)
    #expect(mails(bench).map(\.to) == [Self.owners[1]] && mails(bench).first?.mail.answers == gone)
  }

  @Test("keeps the newest mails of a project that has no server, and says what was given up")
  func bounded() throws {
    var bench = try bench(server: false)
    for _ in 0..<60 {
      revoke(&bench)
      bench.pass(.seconds(1))
      bench.verdict(.valid)
      bench.pass(.seconds(1))
    }
    let open = bench.core.mailRecords.values.filter { !$0.isDone }
    let oldest = try #require(open.map(\.createdAt).min())
    #expect(open.count == CoordinatorLimits.openMails)
    #expect(bench.core.mailRecords.values.allSatisfy { !$0.isDone || $0.createdAt <= oldest })
    #expect(bench.openAlerts.contains(.mailNotSent))
  }

  @Test("clusters that are locked out later are told of, once, and listed when the key is back")
  func later() throws {
    var bench = try bench()
    revoke(&bench)
    finish(&bench)
    add("stock", to: &bench)
    for _ in 0..<2 {
      bench.pass(.seconds(1))
      bench.verdict(KeyTroubleTests.disabled)
      if let first = mails(bench).first {
        #expect(first.mail.subject.hasSuffix("1 cluster more disabled") && first.mail.text.contains("  stock"))
        #expect(!first.mail.text.contains("  orders"))
      }
      finish(&bench)
    }
    #expect(bench.core.mailRecords.count == 2 && bench.core.mailView.waiting.isEmpty)
    try bench.restart()
    for number in 1...3 { bench.hello(Bench.node(number)) }
    bench.verdict(.valid)
    let last = try #require(mails(bench).first?.mail)
    #expect(last.text.contains("  orders\n  stock") && last.subject.contains("2 clusters open again"))
  }

  @Test("tries again with back-off, to those that lack it alone, under the same id, and after a crash")
  func retries() throws {
    var bench = try bench()
    revoke(&bench)
    let id = try #require(mails(bench).first?.mail.id)
    bench.take(bench.core.onMail(id, to: Self.owners[0], failure: nil, now: bench.now))
    bench.take(bench.core.onMail(id, to: Self.owners[1], failure: "no", now: bench.now))
    #expect(mails(bench).isEmpty)
    bench.pass(.seconds(29))
    #expect(mails(bench).isEmpty)
    bench.pass(.seconds(2))
    #expect(mails(bench).map(\.to) == [Self.owners[1]] && mails(bench).first?.mail.id == id)
    try bench.restart()
    bench.pass(.seconds(1))
    #expect(mails(bench).map(\.to) == [Self.owners[1]] && mails(bench).first?.mail.id == id)
    finish(&bench, failure: "no")
    #expect(!bench.openAlerts.contains(.mailNotSent))
    bench.pass(.seconds(61))
    finish(&bench, failure: "no")
    #expect(bench.openAlerts.contains(.mailNotSent))
    #expect(bench.core.mailView.waiting.map(\.attempts) == [3])
    bench.pass(.seconds(121))
    finish(&bench)
    #expect(!bench.openAlerts.contains(.mailNotSent) && bench.core.mailView.waiting.isEmpty)
  }

  @Test("keeps mail until there is a server, however long, says so at once, and sends it as soon as there is one")
  func noServer() throws {
    var bench = try bench(server: false)
    revoke(&bench)
    #expect(bench.openAlerts.contains(.mailNotSent))
    #expect(bench.core.alerts.contains { $0.kind == .mailNotSent && $0.text.contains("no mail server is set") })
    bench.now = bench.now + CoordinatorLimits.mailPatience * 2
    bench.pass(.seconds(60))
    #expect(mails(bench).isEmpty && bench.core.mailView.waiting.count == 2)
    try bench.order { core, now throws(CoordinatorError) in try core.setMailServer(Self.server, now: now) }
    #expect(mails(bench).count == 2)
    finish(&bench)
    #expect(!bench.openAlerts.contains(.mailNotSent) && bench.core.mailView.waiting.isEmpty)
  }

  @Test("gives up only after days and attempts, and says so until a mail is through")
  func givesUp() throws {
    var bench = try bench()
    revoke(&bench)
    bench.now = bench.now + CoordinatorLimits.mailPatience * 2
    for _ in 1..<CoordinatorLimits.mailAlertAttempts {
      finish(&bench, failure: "no")
      #expect(bench.core.mailView.waiting.count == 2, "the clock alone gives up nothing")
      bench.pass(.seconds(121))
    }
    finish(&bench, failure: "no")
    #expect(bench.core.mailView.waiting.isEmpty)
    for _ in 0..<2 {
      bench.pass(.seconds(2))
      #expect(mails(bench).isEmpty && bench.openAlerts.contains(.mailNotSent))
      try bench.restart()
    }
    #expect(bench.core.alerts.contains { $0.kind == .mailNotSent && $0.text.contains("given up after 3 attempts") })
    for number in 1...3 { bench.hello(Bench.node(number)) }
    bench.verdict(.valid)
    #expect(mails(bench).count == 2 && bench.openAlerts.contains(.mailNotSent))
    finish(&bench)
    #expect(!bench.openAlerts.contains(.mailNotSent))
  }

  @Test("refuses addresses and servers that could begin a header or a command of their own")
  func injection() throws {
    var bench = try bench()
    for text in ["a@b\r\nBcc: c@d", "a@b\nX: y", "a b@c", "ä@example.org", "a@b>", "<a@b", "@", "a@", ""] {
      var server = Self.server
      server.from = text
      #expect(throws: CoordinatorError.self) { try bench.core.setMailServer(server, now: bench.now) }
      #expect(throws: CoordinatorError.self) { try bench.core.setOwners([text], of: Bench.project, now: bench.now) }
      #expect(throws: CoordinatorError.self) { try bench.core.mailTarget(for: text) }
    }
    var server = Self.server
    server.user = "a\r\nRCPT TO:<x@y>"
    #expect(throws: CoordinatorError.self) { try bench.core.setMailServer(server, now: bench.now) }
    #expect(throws: CoordinatorError.self) {
      try bench.core.setOwners(["a@b.c", "a@b.c"], of: Bench.project, now: bench.now)
    }
    #expect(bench.core.mailServer?.server == Self.server)
  }

  private struct TestFailure: Error {}
}
