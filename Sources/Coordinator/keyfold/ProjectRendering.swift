// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Projects and KMS settings as text.
enum ProjectRendering {
  static func list(_ projects: [ProjectView], _ palette: Palette) -> [String] {
    var table = Table("project", "clusters", "provider", "key", "last check")
    for project in projects {
      table.rows.append([
        "\(project.name)", "\(project.clusters.map(\.text).joined(separator: ", "))",
        "\(project.kms?.provider.rawValue ?? "-")", "\(project.kms?.keyID ?? "not set")",
        verdict(project.kms?.lastCheck),
      ])
    }
    return table.lines(palette)
  }

  static func facts(_ project: ProjectView, _ palette: Palette) -> [String] {
    let own: [(String, Table.Cell?)] = [
      ("project", "\(project.name)"),
      ("owners", project.owners.isEmpty ? nil : "\(project.owners.joined(separator: ", "))"),
      ("created", project.createdAt.map { "\($0)" }),
      ("clusters", project.clusters.isEmpty ? "none" : "\(project.clusters.map(\.text).joined(separator: ", "))"),
      (
        "alerts off", project.kmsNetworkAccessDenied == false ? Table.Cell("KMS network access denied", .warning) : nil
      ),
    ]
    let maintenance = project.maintenance.map(RotationRendering.maintenance) ?? []
    let key: [(String, Table.Cell?)] = [
      ("KMS", project.kms == nil ? "not set" : nil), ("key in use since", project.keySince.map { "\($0)" }),
    ]
    return Table.facts(own + maintenance + key + (project.kms.map(facts) ?? []), palette)
  }

  static func kms(_ kms: KMSView, _ palette: Palette) -> [String] {
    Table.facts([("project", "\(kms.project)")] + facts(kms), palette)
  }

  private static func facts(_ kms: KMSView) -> [(String, Table.Cell?)] {
    [
      ("provider", "\(kms.provider.rawValue)"),
      ("key", "\(kms.keyID)"),
      ("region", kms.region.isEmpty ? nil : "\(kms.region)"),
      ("while it is out", kms.replicas.map { Table.Cell($0.map(replica).joined(separator: ", then ")) }),
      ("endpoint", "\(kms.endpoint ?? "the provider's own")"),
      (
        "endpoints of regions",
        kms.regionEndpoints.map {
          "\($0.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
        }
      ),
      ("trusted authority", kms.hasOwnAuthority ? "the operator's own" : "the system's"),
      ("credentials", "\(kms.credentials.summary)"),
      ("credentials issued at", kms.issuerEndpoint.map { "\($0)" }),
      ("metadata service", kms.metadataEndpoint.map { "\($0)" }),
      ("settings version", "\(kms.settingsVersion)"),
      ("last check", verdict(kms.lastCheck)),
      ("checked at", kms.lastCheck?.checkedAt.map { "\($0)" }),
    ] + privateNetwork(kms) + trouble(kms) + formerKeys(kms) + vantagePoints(kms)
  }

  private static func replica(_ replica: KMSReplica) -> String {
    replica.endpoint.map { "\(replica.region) at \($0)" } ?? replica.region
  }

  /// The ranges that are required, and each endpoint with its addresses and whether they are inside.
  private static func privateNetwork(_ kms: KMSView) -> [(String, Table.Cell?)] {
    guard let network = kms.privateNetwork else { return [] }
    let endpoints = network.endpoints.map { endpoint -> (String, Table.Cell?) in
      let addresses = endpoint.addresses.map(\.description).joined(separator: ", ")
      let outside = endpoint.outside.map(\.description).joined(separator: ", ")
      return (
        "endpoint \(endpoint.host)",
        outside.isEmpty
          ? Table.Cell("\(addresses): private", .good)
          : Table.Cell("\(addresses): refused, outside the private ranges: \(outside)", .bad)
      )
    }
    let ranges = network.ranges.map(\.description).joined(separator: ", ")
    return [("private networking", "required, inside \(ranges)")] + endpoints
  }

  /// Keys that were replaced and are still needed.
  private static func formerKeys(_ kms: KMSView) -> [(String, Table.Cell?)] {
    var facts: [(String, Table.Cell?)] = []
    for former in kms.formerKeys ?? [] {
      let needed = former.neededBy.joined(separator: ", ")
      facts.append(("rotation in progress", Table.Cell("do not disable the old key \(former.keyID)", .warning)))
      facts.append(("still needed by", needed.isEmpty ? nil : "\(needed)"))
      facts.append(("old key's check", verdict(former.lastCheck)))
    }
    return facts
  }

  private static func trouble(_ kms: KMSView) -> [(String, Table.Cell?)] {
    guard let trouble = kms.trouble else { return [("detail", kms.lastCheck?.detail.map { "\($0)" })] }
    let times = trouble.checks == 1 ? "once" : "\(trouble.checks) times in a row"
    return [
      ("what", "\(trouble.refused)"), ("refused by", "\(trouble.by)"),
      (
        "first seen",
        trouble.firstSeenAt.map { "\($0), by \(trouble.firstSeenBy); by the coordinator \(times)" }
      ),
      ("what to do", "\(trouble.next)"),
    ]
  }

  /// Shown only where somebody sees something else than that the key is valid.
  private static func vantagePoints(_ kms: KMSView) -> [(String, Table.Cell?)] {
    let points = kms.vantagePoints ?? []
    guard points.contains(where: { $0.check.map { $0.verdict != "valid" } ?? false }) else { return [] }
    return points.map { ("seen by \($0.name)", verdict($0.check)) }
  }

  /// A verdict in a word or two and its colour.
  static func verdict(_ check: CheckView?) -> Table.Cell {
    guard let check else { return Table.Cell("not checked yet", .faint) }
    if let elsewhere = check.answeredElsewhere {
      return Table.Cell("\(check.verdict), by the replica in \(elsewhere): the key's own region is out", .warning)
    }
    let text = check.reason.map { "\(check.verdict) (\($0))" } ?? check.verdict
    return Table.Cell(text, check.verdict == "valid" ? .good : check.verdict == "revoked" ? .bad : .warning)
  }
}
