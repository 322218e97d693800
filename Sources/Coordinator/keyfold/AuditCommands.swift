// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import AuditTrail
internal import ClusterModel

/// `keyfold audit …`
struct AuditCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "The record of decisions and of uses of keys that nobody can change unseen.",
    discussion: """
      Each entry carries a hash over itself and all before it, and nodes keep the last hash they were told: an entry \
      that was changed, left out or added later shows.

        keyfold audit list --last 20
        keyfold audit verify
        keyfold audit export > audit.jsonl
      """,
    subcommands: [List.self, Verify.self, Export.self])

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the latest entries, newest first.",
      discussion: """
        Every request to a KMS is an entry `kms wrap`, `kms unwrap` or `kms describe`, with the provider's own id of \
        the request: nodes report theirs, also those that they made while the coordinator was away.

        Role: org owner.

        Examples: keyfold audit list --last 20
                  keyfold audit list --node node-1
                  keyfold audit list --key arn:aws:kms:eu-central-1:111122223333:key/…
        """)

    @Option(name: .long, help: "How many entries, 1 to \(AuditPage.maximumLinks).", transform: Parse.auditCount)
    var last = 50
    @Option(name: .long, help: "Only what this node did, or what is about it.") var node: String?
    @Option(name: .long, help: "Only uses of the key with this id.") var key: String?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let filter = AuditFilter(node: node, key: key)
      let links = try await AuditReading.latest(session, last, filter)
      terminal.show(links, as: "audit", empty: filter.empty, AuditRendering.list)
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Checks the whole record: every hash, every number, and what nodes were told.",
      discussion: """
        Reads every entry and computes its hash anew. What is left of a record whose oldest entries somebody removed \
        is sound, so their number is looked at too: they go by themselves only when a million newer ones are there. \
        With --file it checks an export, without asking anybody. Exit \
        code 1 if the record, or what a node was told, does not fit.

        Examples: keyfold audit verify
                  keyfold audit verify --file audit.jsonl
        """)

    @Option(name: .long, help: "An export to check, instead of the coordinator's record.") var file: String?
    @OptionGroup var options: GlobalOptions

    mutating func run() async throws {
      let terminal = Terminal(json: options.output.json)
      try await terminal.reporting {
        let result: AuditVerification
        if let file {
          result = try AuditExport.verify(file)
        } else {
          let session = try await OperatorSession.open(options.path, timeout: options.patience)
          defer { session.close() }
          result = try await AuditReading.verify(session)
        }
        terminal.show(result, AuditRendering.verification)
        if result.fault != nil || result.removal != nil || !result.contradictions.isEmpty { throw ExitCode.failure }
      }
    }
  }

  struct Export: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes the record as JSON, an entry on each line, oldest first.",
      discussion: """
        The first line says what the record begins after, the last one where it ends, so that an export that was cut \
        shows. It can be checked for itself: keyfold audit verify --file FILE. deploy/RUNBOOK.md tells how a hash is \
        computed.

        Role: org owner.

        Example: keyfold audit export > audit.jsonl
        """)

    @Option(name: .long, help: "Begin after the entry with this number.") var after: UInt64 = 0
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let record = try await AuditReading.page(session, after: 0, limit: 1)
      var end: AuditHead?
      try await AuditReading.pages(session, after: after) { base, links in
        if end == nil { terminal.write(json: AuditExport.Opening(base, of: record), compact: true) }
        for link in links { terminal.write(json: link, compact: true) }
        end = links.last?.head ?? base
      }
      if let end { terminal.write(json: AuditExport.End(end: end), compact: true) }
    }
  }
}

/// Reads the audit record page by page.
enum AuditReading {
  static func page(_ session: OperatorSession, after: UInt64?, limit: Int) async throws -> AuditPage {
    guard case .audit(let page) = try await session.ask(.readAudit(after: after, limit: limit)) else {
      throw OperatorFailure.unexpectedAnswer()
    }
    return page
  }

  /// Hands every page from `after` on to `take`, oldest first, with the head before its first entry.
  static func pages(
    _ session: OperatorSession, after: UInt64, _ take: (AuditHead, [AuditLink]) throws -> Void
  ) async throws {
    var page = try await page(session, after: after, limit: AuditPage.maximumLinks)
    var head = page.base
    if after > head.sequence {
      guard let before = try await Self.page(session, after: after - 1, limit: 1).links.first else {
        throw OperatorFailure(
          .notFound, what: "There is no audit entry \(after).", why: "The record ends at \(page.head.sequence).")
      }
      head = before.head
    }
    while true {
      try take(head, page.links)
      guard let last = page.links.last else { return }
      head = last.head
      page = try await Self.page(session, after: last.sequence, limit: AuditPage.maximumLinks)
      if page.links.isEmpty { return }
    }
  }

  static func verify(_ session: OperatorSession) async throws -> AuditVerification {
    let first = try await page(session, after: 0, limit: 1)
    var result = AuditVerification(
      entries: 0, base: first.base, head: first.base,
      contradictions: first.witnesses.compactMap { witness in
        witness.contradiction.map { "node \(witness.node) was told of \(witness.head): \($0)" }
      }, witnesses: first.witnesses.filter { $0.contradiction == nil }.count)
    result.removal = first.removal
    try await pages(session, after: 0) { _, links in check(links, into: &result) }
    return result
  }

  static func check(_ links: [AuditLink], into result: inout AuditVerification) {
    guard result.fault == nil else { return }
    do {
      result.head = try AuditChain.check(links, after: result.head)
      result.entries += UInt64(links.count)
    } catch { result.fault = "\(error)" }
  }
}

/// The audit record as text.
enum AuditRendering {
  static func list(_ links: [AuditLink], _ palette: Palette) -> [String] {
    var table = Table("#", "when", "who", "what", "about", "detail", "request")
    for link in links {
      let entry = link.entry
      table.rows.append([
        "\(link.sequence)", "\(entry.at)", "\(entry.by)", "\(entry.action)", "\(entry.subject)", "\(entry.detail)",
        "\(entry.requestID ?? "-")",
      ])
    }
    return table.lines(palette)
  }

  static func verification(_ result: AuditVerification, _ palette: Palette) -> [String] {
    var lines = result.contradictions.map { palette.paint($0, .bad) }
    if let fault = result.fault {
      lines.append(palette.paint("The record is not sound: \(fault).", .bad))
      lines.append("Sound up to \(result.head).")
    } else {
      lines.append(
        Wording.counted(Int(clamping: result.entries), "entry", "entries")
          + " checked, all sound, up to \(result.head)."
      )
    }
    if let removal = result.removal { lines.append(palette.paint("The record is not whole: \(removal).", .bad)) }
    if result.base.sequence > 0 { lines.append("The record begins after \(result.base).") }
    if let remark = result.remark { lines.append(palette.paint(remark, .warning)) }
    if result.witnesses > 0 { lines.append("Borne out by \(Wording.counted(result.witnesses, "node")).") }
    return lines
  }
}
