// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@Suite("What is exported for a KMS's own access rules")
struct IPListExportTests {
  private func entry(
    _ cluster: String, _ node: String, _ address: String, future: Bool? = nil, _ direction: AddressDirection? = nil
  ) -> IPList.Entry {
    IPList.Entry(
      cluster: ClusterName(checked: cluster), node: NodeName(checked: node), address: address, future: future,
      direction: direction)
  }

  private var view: IPListView {
    let entries = [
      entry("orders", "node-1", "203.0.113.5"), entry("orders", "node-2", "node-2.example.org", .inbound),
      entry("orders", "node-2", "203.0.113.6", .outbound), entry("orders", "node-3", "2001:db8::7", future: true),
      entry("orders", "node-3", "10.0.0.7", future: true, .inbound),
      entry("stock", "node-9", "10.0.0.9"),
    ]
    var view = IPListView(list: IPList(version: 7, nodes: entries, controlPlane: ["198.51.100.0/28"]), heldBy: [])
    view.clusters = ["orders", "stock"].map { name in
      ClusterAddresses(
        cluster: ClusterName(checked: name), project: ProjectName(checked: "shop"),
        entries: entries.filter { $0.cluster.text == name })
    }
    view.controlPlane = ["aws/us-east-1/198.51.100.0/28", "keyfold.example.org"].compactMap { ControlPlaneAddress($0) }
    return view
  }

  private func text(_ format: IPListFormat, of name: String? = nil) throws -> String {
    let export = try #require(IPListExport(view, of: name))
    return try #require(export.text(format))
  }

  @Test("a statement for an AWS key's policy")
  func aws() throws {
    #expect(
      try text(.awsPolicy, of: "orders") == """
        {
          "Action" : [
            "kms:Decrypt",
            "kms:Encrypt"
          ],
          "Condition" : {
            "BoolIfExists" : {
              "aws:ViaAWSService" : "false"
            },
            "NotIpAddress" : {
              "aws:SourceIp" : [
                "198.51.100.0/28",
                "203.0.113.5/32",
                "203.0.113.6/32",
                "2001:db8::7/128"
              ]
            }
          },
          "Effect" : "Deny",
          "Principal" : {
            "AWS" : "*"
          },
          "Resource" : "*",
          "Sid" : "KeyfoldAddressesOnly"
        }
        """)
  }

  @Test("commands for an Azure vault's firewall, which knows IPv4 only")
  func azure() throws {
    #expect(
      try text(.azure) == """
        az keyvault network-rule add --name "$VAULT" --ip-address 198.51.100.0/28
        az keyvault network-rule add --name "$VAULT" --ip-address 203.0.113.5
        az keyvault network-rule add --name "$VAULT" --ip-address 203.0.113.6
        az keyvault update --name "$VAULT" --default-action Deny
        """)
    let why = "is a name or no address; say what calls come from: outboundAddresses, controlPlane"
    #expect(
      IPListExport(view, of: nil)?.leftOut(.azure) == [
        "keyfold.example.org \(why)", "10.0.0.9/32 is private: no cloud sees calls come from there",
        "2001:db8::7/128 is IPv6, which Key Vault's rules do not take",
      ])
  }

  @Test("the specification of a Google access level")
  func google() throws {
    #expect(
      try text(.gcp, of: "shop") == """
        - ipSubnetworks:
          - 198.51.100.0/28
          - 203.0.113.5/32
          - 203.0.113.6/32
          - 2001:db8::7/128
        """)
  }

  @Test("everything as JSON, which is read back from a file, from one that grows, and from one that is being written")
  func json() throws {
    let export = try #require(IPListExport(view, of: "stock"))
    let line = try #require(export.text(.json, compact: true))
    #expect(
      line == #"{"allow":["10.0.0.9/32","198.51.100.0/28"],"clusters":[{"cluster":"stock","futureInbound":[],"#
        + #""futureOutbound":[],"inbound":["10.0.0.9"],"outbound":["10.0.0.9"],"project":"shop"}],"#
        + #""controlPlane":[{"address":"198.51.100.0/28","provider":"aws","region":"us-east-1"},"#
        + #"{"address":"keyfold.example.org"}],"version":7}"#)
    let other = line.replacing("10.0.0.9/32", with: "10.0.0.8/32")
    func allowed(_ text: String) -> [String]? {
      IPListExport.Document.newest(in: Array(text.utf8))?.allow.map(\.description)
    }
    let pretty = try #require(export.text(.json))
    #expect(allowed(pretty) == ["10.0.0.9/32", "198.51.100.0/28"])
    #expect(allowed(line + "\n" + other + "\n")?.first == "10.0.0.8/32")
    #expect(allowed(line + "\n" + other.prefix(40))?.first == "10.0.0.9/32")
    #expect(allowed("") == nil && allowed("{}") == nil && allowed("\n\n") == nil)
  }

  @Test("a project's name goes before a cluster's, and what is neither is nothing")
  func names() throws {
    #expect(IPListExport(view, of: "shop")?.ranges.count == 5)
    #expect(IPListExport(view, of: "stock")?.ranges.count == 2)
    #expect(IPListExport(view, of: "nothing") == nil)
  }

  @Test("refuses rules that would let no node in")
  func nobody() throws {
    var inside = view
    for format in [IPListFormat.awsPolicy, .azure, .gcp] {
      #expect(IPListExport(inside, of: "stock")?.publicRanges.count == 1)
      #expect(IPListExport(inside, of: "stock")?.text(format) == nil)
    }
    inside.controlPlane = []
    let export = try #require(IPListExport(inside, of: "stock"))
    for format in [IPListFormat.awsPolicy, .azure, .gcp] { #expect(export.text(format) == nil) }
    inside.controlPlane = [try #require(ControlPlaneAddress("0.0.0.0"))]
    #expect(IPListExport(inside, of: "stock")?.ranges.map(\.description) == ["10.0.0.9/32"])
  }

  @Test(
    "reads the control plane's addresses",
    arguments: [
      ("203.0.113.7", true), ("203.0.113.0/28", true), ("keyfold.example.org", true), ("2001:db8::1", true),
      ("aws/us-east-1/203.0.113.7", true), ("gcp/europe-west6/2001:db8::/64", true), ("", false), ("aws", false),
      ("aws/us-east-1", false), ("azure//203.0.113.7", false), ("aws/us-east-1/name", false), ("203.0.113.7/8", false),
      ("ibm/x/203.0.113.7", false),
    ])
  func controlPlane(text: String, isKnown: Bool) {
    #expect((ControlPlaneAddress(text) != nil) == isKnown)
  }
}
