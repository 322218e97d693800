// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import LocalKMS

/// A fault as it is shown.
private struct FaultRow: Encodable {
  let number: Int
  let kind: String
  let value: Int
  let dialect: String?
  let client: String?
  let region: String?
  let remaining: Int?
  let endAt: OperatorTime?

  init(_ fault: LocalKMSFault) {
    number = fault.number
    kind = fault.kind.rawValue
    value = fault.value
    dialect = fault.dialect
    client = fault.client
    region = fault.region
    remaining = fault.remaining
    endAt = fault.endSeconds.map { OperatorTime(milliseconds: $0 * 1000) }
  }

  static func lines(_ faults: [FaultRow], _ palette: Palette) -> [String] {
    var table = Table("fault", "kind", "value", "for", "region", "from", "left", "ends")
    for fault in faults {
      table.rows.append([
        "\(fault.number)", Table.Cell(fault.kind, .warning), "\(fault.value)", "\(fault.dialect ?? "all")",
        "\(fault.region ?? "all")",
        "\(fault.client ?? "everybody")", "\(fault.remaining.map { "\($0)" } ?? "-")",
        "\(fault.endAt?.description ?? "-")",
      ])
    }
    return table.lines(palette)
  }
}

extension LocalKMSCommands {
  /// `keyfold local-kms fault …`
  struct Fault: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets a running local KMS fail in a chosen way, to rehearse a bad day.",
      discussion: """
        Faults strike the dialects and the metadata service, never the operator's own commands. They are kept in \
        memory only: a restart ends them all.

          keyfold local-kms fault set timeout --for 600
          keyfold local-kms fault set throttle --value 30 --dialect azure --count 20
          keyfold local-kms fault set deny --from 127.0.0.2
          keyfold local-kms fault set error --region eu-central-1
          keyfold local-kms fault list
          keyfold local-kms fault clear
        """,
      subcommands: [SetFault.self, ListFaults.self, ClearFaults.self])
  }

  struct SetFault: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .faults }
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Puts a fault in force.",
      discussion: """
        KIND is one of
          latency            every answer is late by --value milliseconds (default 2000)
          timeout            nothing is ever answered
          reset              the connection is reset once the request is there
          error              HTTP --value, 500 to 599 (default 503), in the dialect's shape
          throttle           too many requests, with a Retry-After of --value seconds (default 10)
          wrong-certificate  a server certificate that no client trusts
          clock-skew         the server's clock is wrong by --value seconds (default 600; negative: behind)
          garbage            HTTP 200 with a body that makes no sense
          deny               a firewall's or perimeter's refusal of the caller's address

        Without --count and --for it lasts until it is cleared or the local KMS ends. Latencies add up; of the others \
        the first one set strikes.

        Example: keyfold local-kms fault set error --value 500 --for 120
        """)

    @Argument(help: "What goes wrong.", transform: Self.kind(named:)) var kind: LocalKMSFault.Kind
    @Option(name: .long, parsing: .unconditional, help: "How much; see above for each kind.") var value: Int?
    @Option(name: .long, help: "Strike one dialect only: aws, azure, google, tokens or metadata.") var dialect: String?
    @Option(
      name: .customLong("from"),
      help: ArgumentHelp("Strike callers from this address or IPv4 range only.", valueName: "address[/bits]"))
    var client: String?
    @Option(name: .long, help: "Strike requests signed for this region only (AWS's dialect).") var region: String?
    @Option(
      name: .long, parsing: .unconditional, help: "End after this many requests (connections, for wrong-certificate).")
    var count: Int?
    @Option(
      name: .customLong("for"), parsing: .unconditional,
      help: ArgumentHelp("End after this many seconds.", valueName: "seconds"))
    var seconds: Int?
    @OptionGroup var options: LocalKMSOptions

    private static func kind(named text: String) throws -> LocalKMSFault.Kind {
      guard let kind = LocalKMSFault.Kind(rawValue: text) else {
        let known = LocalKMSFault.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("KIND has to be one of \(known).")
      }
      return kind
    }

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      let usual: [LocalKMSFault.Kind: Int] = [.latency: 2000, .error: 503, .throttle: 10, .clockSkew: 600]
      let fault = LocalKMSFault(
        kind, value: value ?? usual[kind] ?? 0, dialect: dialect, client: client, region: region,
        count: count)
      let number = try await kms.setFault(fault, lasting: seconds.map { .seconds($0) })
      terminal.show(["number": number]) { _, _ in
        ["Fault \(number) is in force. End it with: keyfold local-kms fault clear \(number)"]
      }
    }
  }

  struct ListFaults: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .faults }
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Lists the faults in force.",
      discussion: "Example: keyfold local-kms fault list")

    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      terminal.show(
        try await kms.faults().map { FaultRow($0) }, as: "faults", empty: "There is no fault.", FaultRow.lines)
    }
  }

  struct ClearFaults: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .faults }
    static let configuration = CommandConfiguration(
      commandName: "clear", abstract: "Ends one fault, or all of them.",
      discussion: "Example: keyfold local-kms fault clear")

    @Argument(help: "The fault's number; all without it.") var number: Int?
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.clearFaults(number)
      terminal.show(
        try await kms.faults().map { FaultRow($0) }, as: "faults", empty: "There is no fault.", FaultRow.lines)
    }
  }
}
