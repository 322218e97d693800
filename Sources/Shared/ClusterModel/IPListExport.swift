// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// How the addresses that a KMS has to let in are written.
public enum IPListFormat: String, Sendable, CaseIterable {
  /// All of it, for programs: `IPListExport.Document`.
  case json
  /// A statement for the key policy of an AWS KMS key.
  case awsPolicy = "aws-policy"
  /// Commands that make the network rules of an Azure Key Vault.
  case azure
  /// The specification of a Google access level, for VPC Service Controls.
  case gcp
}

/// What a customer's KMS has to let in: where the nodes of a cluster, of a project or all of them call from, now and
/// soon, and the control plane.
public struct IPListExport: Sendable, Equatable {
  /// The version of the IP list.
  public let version: UInt64
  /// What the KMS has to let in, in order.
  public let ranges: [IPRange]
  /// Of these, where nodes call from.
  private let ofNodes: Set<IPRange>
  /// What is no address, and can't stand in a rule.
  public let names: [String]
  private let clusters: [ClusterAddresses]
  private let controlPlane: [ControlPlaneAddress]

  /// Reads it off the list; `name` is a project or, if there is none of that name, a cluster; nil for everything. Nil
  /// if there is neither.
  public init?(_ view: IPListView, of name: String?) {
    let known =
      view.clusters
      ?? Dictionary(grouping: view.list.nodes, by: \.cluster).sorted { $0.key < $1.key }
      .map { ClusterAddresses(cluster: $0.key, project: nil, entries: $0.value) }
    var chosen = known
    if let name {
      chosen = known.filter { $0.project?.text == name }
      if chosen.isEmpty { chosen = known.filter { $0.cluster.text == name } }
      guard !chosen.isEmpty else { return nil }
    }
    version = view.list.version
    clusters = chosen
    controlPlane = view.controlPlane ?? view.list.controlPlane.compactMap { ControlPlaneAddress($0) }
    let texts = chosen.flatMap { $0.outbound + $0.futureOutbound } + controlPlane.map(\.address)
    // A coordinator that listens everywhere, and says nowhere where it is, has no address either.
    let read = texts.map { text in (text, (try? IPRange(text)).flatMap { $0.isUnspecified ? nil : $0 }) }
    ranges = Set(read.compactMap(\.1)).sorted()
    ofNodes = Set(chosen.flatMap { $0.outbound + $0.futureOutbound }.compactMap { try? IPRange($0) })
    names = Set(read.filter { $0.1 == nil }.map(\.0)).sorted()
  }

  /// The ranges that a cloud can see calls come from over the internet.
  public var publicRanges: [IPRange] { ranges.filter { !$0.isPrivate } }

  /// What a format leaves out, with the reason; empty if nothing.
  public func leftOut(_ format: IPListFormat) -> [String] {
    let why = "is a name or no address; say what calls come from: outboundAddresses, controlPlane"
    var left = names.map { "\($0) \(why)" }
    guard format != .json else { return left }
    left += ranges.filter(\.isPrivate).map { "\($0) is private: no cloud sees calls come from there" }
    if format == .azure {
      left += publicRanges.filter(\.address.isIPv6).map { "\($0) is IPv6, which Key Vault's rules do not take" }
    }
    return left
  }

  /// The text in a format, without an end of line; nil if the rules would let no node in. JSON stands on one line if
  /// `compact`.
  public func text(_ format: IPListFormat, compact: Bool = false) -> String? {
    switch format {
    case .json: Self.json(document, compact: compact)
    case .awsPolicy: awsPolicy
    case .azure: azure
    case .gcp: google
    }
  }
}

// MARK: - JSON

extension IPListExport {
  /// The whole export for programs; the local KMS reads `allow`.
  public struct Document: Sendable, Codable, Equatable {
    /// The version of the IP list.
    public var version: UInt64
    /// What the KMS has to let in.
    public var allow: [IPRange]
    /// Each cluster's addresses.
    public var clusters: [ClusterAddresses]
    /// The control plane's addresses.
    public var controlPlane: [ControlPlaneAddress]

    /// Reads the newest document of a file: the whole of it, or the last whole line that `--watch` wrote. Nil if there
    /// is none.
    public static func newest(in bytes: [UInt8]) -> Document? {
      if let whole = try? JSONDecoder().decode(Document.self, from: Data(bytes)) { return whole }
      guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
      return bytes[..<end].split(separator: UInt8(ascii: "\n")).last
        .flatMap { try? JSONDecoder().decode(Document.self, from: Data($0)) }
    }
  }

  private var document: Document {
    Document(version: version, allow: ranges, clusters: clusters, controlPlane: controlPlane)
  }

  fileprivate static func json(_ value: some Encodable, compact: Bool = false) -> String? {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if !compact { encoder.outputFormatting.insert(.prettyPrinted) }
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
  }
}

// MARK: - What clouds take

extension IPListExport {
  private struct Statement: Encodable {
    struct Condition: Encodable {
      let NotIpAddress: [String: [String]]
      let BoolIfExists: [String: String]
    }

    let Sid = "KeyfoldAddressesOnly"
    let Effect = "Deny"
    let Principal = ["AWS": "*"]
    /// Not those that manage the key: its administrators keep the way back.
    let Action = ["kms:Decrypt", "kms:Encrypt"]
    let Resource = "*"
    let Condition: Condition
  }

  /// A deny of every use from elsewhere; services of AWS that call on the principal's behalf do so from addresses of
  /// their own (AWS KMS developer guide, "IP address condition").
  private var awsPolicy: String? {
    guard letsNodesIn(publicRanges) else { return nil }
    return Self.json(
      Statement(
        Condition: .init(
          NotIpAddress: ["aws:SourceIp": publicRanges.map(\.description)],
          BoolIfExists: ["aws:ViaAWSService": "false"])))
  }

  /// Rules that let only the control plane in would lock the nodes out.
  private func letsNodesIn(_ taken: [IPRange]) -> Bool { taken.contains { ofNodes.contains($0) } }

  private var azure: String? {
    let taken = publicRanges.filter { !$0.address.isIPv6 }
    guard letsNodesIn(taken) else { return nil }
    let rules = taken.map { range in
      "az keyvault network-rule add --name \"$VAULT\" --ip-address "
        + (range.isSingle ? range.address.description : range.description)
    }
    return (rules + ["az keyvault update --name \"$VAULT\" --default-action Deny"]).joined(separator: "\n")
  }

  private var google: String? {
    guard letsNodesIn(publicRanges) else { return nil }
    return (["- ipSubnetworks:"] + publicRanges.map { "  - \($0)" }).joined(separator: "\n")
  }
}

extension IPRange {
  /// Whether it is 0.0.0.0 or :: alone, which stands for "anywhere" where a process listens.
  fileprivate var isUnspecified: Bool { isSingle && address.bytes.allSatisfy { $0 == 0 } }

  /// Ranges that are used inside of networks only (RFC 6890, RFC 4193, RFC 6598).
  private static let privateTexts = [
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "::1/128",
    "fc00::/7", "fe80::/10",
  ]
  private static let privateRanges = privateTexts.compactMap { try? IPRange($0) }

  /// Whether it lies in one of them.
  fileprivate var isPrivate: Bool {
    Self.privateRanges.contains { $0.prefix <= prefix && $0.contains(address) }
  }
}
