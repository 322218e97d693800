// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Whose connections count together: an IPv4 address, or the /64 that an IPv6 address lies in, of which whoever has one
/// address has all.
struct ClientAddress: Hashable, Sendable {
  private let bytes: [UInt8]

  /// Those whose address is not known count together.
  init(_ text: String?) {
    let known = text.flatMap { IPAddress($0) }
    bytes = known.map { $0.isIPv6 ? Array($0.bytes.prefix(8)) : $0.bytes } ?? []
  }
}

/// Who has the places for connections, and who gives one up for whom.
///
/// A connection on which nobody logs in is a driver's monitor, which never does and lives as long as its driver, or
/// somebody's who wants nothing but the place: neither what it says nor its age tells one from the other. So none is
/// ended for its age; but once there are users it is the first to go when its place is needed, and the oldest of the
/// address that has most of them goes first. Monitors connect again by themselves; a login that comes last is the last
/// to go.
struct ConnectionPlaces: Sendable {
  /// What becomes of a new connection.
  enum Admission: Equatable {
    /// It gets a place, if need be that of another, which is to be closed.
    case admitted(insteadOf: Int32?)
    /// It is to be closed.
    case refused
  }

  private struct Holder {
    let address: ClientAddress
    let arrival: UInt64
    var isLoggedIn = false
  }

  private let limits: ServerLimits
  private var holders: [Int32: Holder] = [:]
  private var lastArrival: UInt64 = 0
  /// How many connections without a login each address has.
  private var strangersByAddress: [ClientAddress: Int] = [:]
  /// How many connections there are on which nobody is logged in.
  private(set) var strangers = 0

  init(_ limits: ServerLimits) { self.limits = limits }

  var count: Int { holders.count }

  /// A connection comes; `knowsUsers` is whether anybody can be expected to log in.
  mutating func onConnect(_ id: Int32, from address: ClientAddress, knowsUsers: Bool) -> Admission {
    var victim: Int32?
    if knowsUsers, count >= limits.maximumConnections { victim = whoGivesWay(to: address) }
    if let victim { onClose(victim) }
    guard count < limits.maximumConnections else { return .refused }
    lastArrival += 1
    holders[id] = Holder(address: address, arrival: lastArrival)
    count(address, by: 1)
    return .admitted(insteadOf: victim)
  }

  /// Somebody has logged in on a connection, or out.
  mutating func onLogin(_ id: Int32, _ isLoggedIn: Bool) {
    guard let holder = holders[id], holder.isLoggedIn != isLoggedIn else { return }
    holders[id]?.isLoggedIn = isLoggedIn
    count(holder.address, by: isLoggedIn ? -1 : 1)
  }

  /// A connection has ended, or gave up its place.
  mutating func onClose(_ id: Int32) {
    guard let holder = holders.removeValue(forKey: id), !holder.isLoggedIn else { return }
    count(holder.address, by: -1)
  }

  /// Who leaves when all places are taken; nil if nobody has to.
  private func whoGivesWay(to address: ClientAddress) -> Int32? {
    guard let first = firstToGo() else { return nil }
    if strangers > limits.maximumConnections - limits.placesForLogins { return first.id }
    // The logged-in have their share; a pool that is too large is refused before it drives out its driver's monitors.
    return isCrowd(first.address) && first.address != address ? first.id : nil
  }

  /// Of the connections without a login, the one that is the first to go: of the address that has most, the oldest.
  private func firstToGo() -> (id: Int32, address: ClientAddress)? {
    var found: (id: Int32, holder: Holder, weight: Int)?
    for (id, holder) in holders where !holder.isLoggedIn {
      // Where each of many addresses has few, age decides: a driver's monitors do not stand out.
      let weight = max(limits.unremarkableStrangers, strangersByAddress[holder.address, default: 0])
      if let best = found, (best.weight, holder.arrival) > (weight, best.holder.arrival) { continue }
      found = (id, holder, weight)
    }
    return found.map { ($0.id, $0.holder.address) }
  }

  private func isCrowd(_ address: ClientAddress) -> Bool {
    strangersByAddress[address, default: 0] > limits.unremarkableStrangers
  }

  private mutating func count(_ address: ClientAddress, by change: Int) {
    strangers += change
    let left = strangersByAddress[address, default: 0] + change
    strangersByAddress[address] = left > 0 ? left : nil
  }
}
