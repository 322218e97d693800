// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@Suite("Addresses and ranges are read strictly and written in one form")
struct IPRangeTests {
  @Test(
    "reads addresses",
    arguments: [
      ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
      ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
      ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
      ("fe80::", "fe80::"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"),
      ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
  func addresses(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(
    "takes nothing else for an address",
    arguments: [
      "", "localhost", "192.0.2", "192.0.2.1.1", "192.0.2.256", "192.0.2.01", "192.0.2.-1", "192.0.2.+1", "192.0.2.1 ",
      "192.0.2.1:80", "0x7f.0.0.1", "1::2::3", ":::", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::", "12345::", "g::", "[::1]", "fe80::1%eth0", "::192.0.2.1.1", "192.0.2.1::", "::+1",
      "٣.٣.٣.٣", String(repeating: "1:", count: 1_000),
    ])
  func noAddresses(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test(
    "reads ranges",
    arguments: [
      ("192.0.2.0/24", "192.0.2.0/24"), ("192.0.2.7", "192.0.2.7/32"), ("0.0.0.0/0", "0.0.0.0/0"),
      ("192.0.2.128/25", "192.0.2.128/25"), ("2001:db8::/48", "2001:db8::/48"), ("::/0", "::/0"), ("::1", "::1/128"),
      ("2001:db8:0:8000::/49", "2001:db8:0:8000::/49"),
    ])
  func ranges(text: String, canonical: String) throws {
    let range = try IPRange(text)
    #expect(range.description == canonical)
    #expect(try IPRange(canonical) == range)
  }

  @Test("says what is wrong with a range")
  func errors() throws {
    func error(_ text: String) -> String? {
      do { _ = try IPRange(text) } catch { return error.description }
      return nil
    }
    let none =
      "It has to be an IPv4 or IPv6 address, or a range in CIDR notation such as 192.0.2.0/24 or 2001:db8::/48."
    for text in ["", "/24", "example.org/24", "192.0.2/24", "::ffff:192.0.2.0/120"] { #expect(error(text) == none) }
    for text in ["192.0.2.0/33", "192.0.2.0/", "192.0.2.0/x", "192.0.2.0/-1", "192.0.2.0/024", "192.0.2.0/24/1"] {
      #expect(error(text) == "The prefix behind the slash has to be a number from 0 to 32.")
    }
    #expect(error("2001:db8::/129") == "The prefix behind the slash has to be a number from 0 to 128.")
    #expect(
      error("192.0.2.5/24")
        == "It has bits set behind the prefix: the network is 192.0.2.0/24, the one address 192.0.2.5/32.")
    #expect(
      error("2001:db8::1/64")
        == "It has bits set behind the prefix: the network is 2001:db8::/64, the one address 2001:db8::1/128.")
  }

  @Test("knows what lies in a range, at its very edges")
  func contains() throws {
    func holds(_ range: String, _ address: String) throws -> Bool {
      try IPRange(range).contains(#require(IPAddress(address)))
    }
    #expect(try holds("192.0.2.128/25", "192.0.2.128") && holds("192.0.2.128/25", "192.0.2.255"))
    #expect(try !holds("192.0.2.128/25", "192.0.2.127") && !holds("192.0.2.128/25", "192.0.3.128"))
    #expect(try holds("0.0.0.0/0", "255.1.2.3") && !holds("0.0.0.0/0", "::1") && !holds("::/0", "192.0.2.1"))
    #expect(try holds("2001:db8::/33", "2001:db8:7fff::1") && !holds("2001:db8::/33", "2001:db8:8000::1"))
    #expect(try holds("192.0.2.1/32", "::ffff:192.0.2.1"))
  }
}

@Suite("What the IP list says of who may connect")
struct AddressRuleTests {
  private let project = ProjectName(checked: "shop")
  private let cluster = ClusterName(checked: "orders")

  private func list(_ access: [IPList.AccessEntry]?, names: [String] = ["10.0.0.1", "10.0.0.2"]) -> IPList {
    IPList(
      version: 1,
      nodes: names.enumerated().map {
        IPList.Entry(cluster: cluster, node: NodeName(checked: "n\($0.offset)"), address: $0.element)
      } + [IPList.Entry(cluster: ClusterName(checked: "other"), node: NodeName(checked: "m"), address: "10.0.9.9")],
      access: access.map { [IPList.Access(project: project, entries: $0)] })
  }

  private func rules(_ list: IPList, passed: Duration = .zero) -> NodeAddressRules {
    NodeAddressRules(list: list, project: project, cluster: cluster, passed: passed)
  }

  @Test("lets everybody in without an access list")
  func open() {
    #expect(rules(list(nil)) == .open)
    #expect(AddressRule.anyone.admits("203.0.113.1") && AddressRule.anyone.admits(nil))
  }

  @Test("lets in what is listed, the cluster's own nodes and localhost, and to the replication port only the nodes")
  func listed() throws {
    let rules = rules(list([IPList.AccessEntry(range: try IPRange("203.0.113.0/24"))]))
    for address in ["203.0.113.9", "10.0.0.1", "10.0.0.2", "127.0.0.1", "::1", "::ffff:203.0.113.9"] {
      #expect(rules.drivers.admits(address), "\(address)")
    }
    for address in ["203.0.114.9", "10.0.9.9", "127.0.0.2", "2001:db8::1", "", "orders.example.org", nil] {
      #expect(!rules.drivers.admits(address), "\(address ?? "nil")")
    }
    #expect(rules.members.admits("10.0.0.2") && rules.members.admits("127.0.0.1"))
    #expect(!rules.members.admits("203.0.113.9") && !rules.members.admits("10.0.9.9"))
  }

  @Test("lets nobody in by an empty list but the nodes, and another project's list is none of its own")
  func empty() {
    #expect(!rules(list([])).drivers.admits("203.0.113.9") && rules(list([])).drivers.admits("10.0.0.1"))
    var foreign = list([])
    foreign.access?[0].project = ProjectName(checked: "bank")
    #expect(rules(foreign) == .open)
  }

  @Test("leaves an entry out once its time is over")
  func expiry() throws {
    let list = list([IPList.AccessEntry(range: try IPRange("203.0.113.7"), expiresInMilliseconds: 5_000)])
    #expect(rules(list, passed: .milliseconds(4_999)).drivers.admits("203.0.113.7"))
    #expect(!rules(list, passed: .milliseconds(5_000)).drivers.admits("203.0.113.7"))
  }

  @Test("restricts the replication port only if every member has an address")
  func names() throws {
    var list = list([], names: ["10.0.0.1", "node-2.example.org"])
    #expect(rules(list).members == .anyone && rules(list).drivers != .anyone)
    // Where its calls go out to the KMS is not where other members see it.
    let node = list.nodes[1].node
    list.nodes.append(IPList.Entry(cluster: cluster, node: node, address: "198.51.100.0/30", direction: .outbound))
    #expect(rules(list).members == .anyone)
  }

  @Test("lets members in from where their calls go out, ranges too, and drivers not")
  func outbound() {
    var list = list([])
    let node = list.nodes[0].node
    list.nodes.append(IPList.Entry(cluster: cluster, node: node, address: "198.51.100.0/30", direction: .outbound))
    #expect(rules(list).members.admits("198.51.100.2") && !rules(list).members.admits("198.51.100.4"))
    #expect(!rules(list).drivers.admits("198.51.100.2"))
  }
}
