// SPDX-License-Identifier: GPL-3.0-or-later

/// Which connections have sent messages, who is behind them, and through which file descriptor they come.
struct Sessions {
  private struct Session {
    let descriptor: Int32
    let credential: Credential
  }

  private var byRoute: [Route: Session] = [:]
  private var routes: [Int32: Route] = [:]

  /// Whose connection a route is; nil if it is dead or never was.
  subscript(route: Route) -> Credential? { byRoute[route]?.credential }

  /// Whether a message came through a descriptor that is open still.
  func hasSession(behind descriptor: Int32) -> Bool { routes[descriptor] != nil }

  /// Notes a message's connection; answers the route that had the descriptor before, which is dead then.
  mutating func note(_ route: Route, through descriptor: Int32, credential: Credential) -> Route? {
    if byRoute[route]?.credential == credential { return nil }
    byRoute[route] = Session(descriptor: descriptor, credential: credential)
    guard descriptor >= 0, let former = routes.updateValue(route, forKey: descriptor), former != route else {
      return nil
    }
    return byRoute.removeValue(forKey: former).map { _ in former }
  }

  /// Forgets the connection of a closed descriptor; answers its route if it had sent anything.
  mutating func drop(descriptor: Int32) -> Route? {
    guard let route = routes.removeValue(forKey: descriptor), byRoute.removeValue(forKey: route) != nil else {
      return nil
    }
    return route
  }

  /// Forgets a route; answers whether it was alive.
  mutating func drop(_ route: Route) -> Bool {
    guard let session = byRoute.removeValue(forKey: route) else { return false }
    if routes[session.descriptor] == route { routes[session.descriptor] = nil }
    return true
  }
}
