// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Secrets
internal import Sealing

/// `keyfold user …`
struct UserCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user", abstract: "Users: who may come in as a driver, and what they may do.",
    discussion: """
      A user is named DATABASE.NAME: drivers log in with NAME and authSource=DATABASE, by SCRAM-SHA-256. The role says \
      what the user may do in that database: read, readWrite, or admin. A user of role admin in the database 'admin' \
      may do everything in every database.

      From the first user on, every driver has to log in. Passwords never leave this machine: what a server needs to \
      check them is worked out here.

        keyfold user create admin.root --cluster orders --role admin \\
            --password-file FILE
        keyfold user create shop.app --cluster orders --role readWrite \\
            --password-file FILE
      """,
    subcommands: [Create.self, List.self, Password.self, Remove.self])

  struct Create: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a user. The first one closes the cluster to everybody who does not log in.",
      discussion: """
        Role: project owner.

        Example: keyfold user create shop.app --cluster orders --role readWrite \\
                     --password-file app.secret
        """)

    @Argument(help: "The user: DATABASE.NAME.", transform: Parse.user) var name: DriverUserName
    @Option(name: .long, help: "The cluster.", transform: Parse.cluster) var cluster: ClusterName
    @Option(name: .long, help: "What the user may do: read, readWrite or admin.", transform: Parse.role)
    var role: DriverRole
    @OptionGroup var password: PasswordOption
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let credential = try password.credential(of: name)
      let answer = try await session.ask(.createUser(cluster: cluster, name: name, role: role), secret: credential)
      guard case .users = answer else { throw OperatorFailure.unexpectedAnswer() }
      terminal.show(DriverUser(name: name, role: role)) { user, _ in
        [
          "User \(user.name) may log in now, with \(UserRendering.phrase(user)).",
          "Drivers: mongodb://\(UserRendering.escaped(user.name.name))@…/?authSource="
            + "\(UserRendering.escaped(user.name.database.text))&authMechanism=SCRAM-SHA-256",
        ]
      }
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the users of a cluster.",
      discussion: """
        Role: read only.

        Example: keyfold user list --cluster orders
        """)

    @Option(name: .long, help: "The cluster.", transform: Parse.cluster) var cluster: ClusterName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .users(let users) = try await session.ask(.listUsers(cluster: cluster)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(
        users, as: "users",
        empty: "There is no user, so anybody on the nodes' machines may read and write. Make the first one: "
          + "keyfold user create admin.NAME --cluster \(cluster) --role admin --password-file FILE",
        UserRendering.list)
    }
  }

  struct Password: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives a user another password.",
      discussion: """
        Connections that are open stay. To cut them off as well, remove the user and make it anew.

        Role: project owner.

        Example: keyfold user password shop.app --cluster orders \\
                     --password-file new.secret
        """)

    @Argument(help: "The user: DATABASE.NAME.", transform: Parse.user) var name: DriverUserName
    @Option(name: .long, help: "The cluster.", transform: Parse.cluster) var cluster: ClusterName
    @OptionGroup var password: PasswordOption
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let credential = try password.credential(of: name)
      let answer = try await session.ask(.setUserPassword(cluster: cluster, name: name), secret: credential)
      guard case .users(let users) = answer else { throw OperatorFailure.unexpectedAnswer() }
      terminal.show(users.first { $0.name == name }) { _, _ in
        ["User \(name) has the new password from the next login on."]
      }
    }
  }

  struct Remove: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Removes a user; open connections lose their rights at once.",
      discussion: """
        The last user can't be removed: without one everybody could come in.

        Role: project owner.

        Example: keyfold user remove shop.app --cluster orders
        """)

    @Argument(help: "The user: DATABASE.NAME.", transform: Parse.user) var name: DriverUserName
    @Option(name: .long, help: "The cluster.", transform: Parse.cluster) var cluster: ClusterName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .users(let users) = try await session.ask(.removeUser(cluster: cluster, name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(users, as: "users", empty: "User \(name) of cluster \(cluster) is gone.") { _, _ in
        ["User \(name) of cluster \(cluster) is gone."]
      }
    }
  }
}

/// Where a password comes from; never an argument.
struct PasswordOption: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "A file of mode 600 with the password, or - for standard input (the default).", valueName: "file"))
  var passwordFile = "-"

  /// Reads and prepares the password and makes of it what a server may know.
  func credential(of user: DriverUserName) throws -> Secret {
    let secret = try SecretInput.read(passwordFile, option: "--password-file", prompt: "password of \(user): ")
    do {
      let prepared = try PasswordPreparation.prepare(secret)
      var salt = try SecretBytes.random(count: ScramCredential.saltBytes).unprotectedCopy()
      defer { SecretBytes.wipe(&salt) }
      var bytes = try prepared.withSecret { (password) throws(SealingError) in
        try ScramCredential(password: password, salt: salt).encoded
      }
      defer { SecretBytes.wipe(&bytes) }
      return Secret(try SecretBytes(copying: bytes))
    } catch let refusal as PasswordPreparation.Refusal {
      throw OperatorFailure(
        .invalid, what: "This password can't be used.", why: refusal.description,
        next: "Choose another one; letters, digits and signs of the keyboard always work.")
    } catch {
      throw OperatorFailure(.failed, what: "The password can't be hashed.", why: "\(error)")
    }
  }
}

extension Parse {
  static func user(_ text: String) throws -> DriverUserName {
    do { return try DriverUserName(text) } catch { throw ValidationError(error.description) }
  }

  static func role(_ text: String) throws -> DriverRole {
    if let role = DriverRole(rawValue: text) { return role }
    let known = DriverRole.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("There is no role '\(text)'; the roles are \(known).")
  }
}

/// Users as text.
enum UserRendering {
  static func list(_ users: [DriverUser], _ palette: Palette) -> [String] {
    var table = Table("user", "database", "role")
    for user in users {
      table.rows.append([
        "\(user.name.name)", "\(user.name.database)",
        isClusterAdmin(user) ? Table.Cell("admin of everything", .warning) : "\(user.role.rawValue)",
      ])
    }
    return table.lines(palette)
  }

  static func phrase(_ user: DriverUser) -> String {
    isClusterAdmin(user)
      ? "every right in every database" : "the role \(user.role.rawValue) in database \(user.name.database)"
  }

  /// Text for a connection string (RFC 3986, section 2.1).
  static func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }

  private static func isClusterAdmin(_ user: DriverUser) -> Bool {
    user.role == .admin && user.name.database.text == "admin"
  }
}
