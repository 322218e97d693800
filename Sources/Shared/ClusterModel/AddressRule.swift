// SPDX-License-Identifier: GPL-3.0-or-later

/// From which addresses a port may be connected to.
public struct AddressRule: Sendable, Equatable {
  /// The ranges that are let in beside `localhost`; nil lets everybody in.
  public let ranges: [IPRange]?

  /// Lets everybody in.
  public static let anyone = AddressRule(ranges: nil)
  /// Lets only 127.0.0.1 and ::1 in.
  public static let localhost = AddressRule(ranges: [])

  /// Makes a rule of ranges; nil lets everybody in.
  public init(ranges: [IPRange]?) { self.ranges = ranges }

  /// Whether an address is let in. 127.0.0.1 and ::1 always are; what is no address only if everybody is.
  public func admits(_ address: String?) -> Bool {
    guard let ranges else { return true }
    guard let address, let known = IPAddress(address) else { return false }
    return known.isLocalhost || ranges.contains { $0.contains(known) }
  }
}

/// What a node makes of the IP list: who may connect to it.
public struct NodeAddressRules: Sendable, Equatable {
  /// Who may connect to the port for drivers.
  public var drivers: AddressRule
  /// Who may connect to the replication port.
  public var members: AddressRule

  /// Before the node holds a list: nobody else can tell whether the project has an access list, so no driver of another
  /// machine is let in. Members are, because they prove a key and the shard needs them to start.
  public static let unknown = NodeAddressRules(drivers: .localhost, members: .anyone)
  /// The project has no access list.
  public static let open = NodeAddressRules(drivers: .anyone, members: .anyone)

  /// Makes rules of their parts.
  public init(drivers: AddressRule, members: AddressRule) {
    self.drivers = drivers
    self.members = members
  }

  /// Reads the rules of a node of this project and cluster off the list; `passed` is how long ago it came, and entries
  /// whose time is over since are left out.
  public init(list: IPList, project: ProjectName, cluster: ClusterName, passed: Duration) {
    guard let access = list.access?.first(where: { $0.project == project }) else {
      self = .open
      return
    }
    let entries = list.nodes.filter { $0.cluster == cluster }
    func ranges(_ entries: [IPList.Entry]) -> [IPRange] {
      Set(entries.compactMap { try? IPRange($0.address) }).sorted()
    }
    let listed = access.entries.filter { entry in
      entry.expiresInMilliseconds.map { passed < .milliseconds($0) } ?? true
    }
    // Where a node's calls to its KMS come from may be shared with others, behind address translation.
    drivers = AddressRule(ranges: listed.map(\.range) + ranges(entries.filter(\.isInbound)))
    // A member that is known by a host name may come from anywhere: what it advertises is what others see of it, and
    // where its calls go out to the KMS says nothing of the way to the other members.
    let isKnown = Dictionary(grouping: entries, by: \.node).values.allSatisfy { entries in
      let inbound = entries.filter(\.isInbound)
      return !inbound.isEmpty && inbound.allSatisfy { IPAddress($0.address) != nil }
    }
    members = isKnown ? AddressRule(ranges: ranges(entries)) : .anyone
  }
}
