using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres;

/// <summary>What PostgreSQL and the way to it can say, as errors for people.</summary>
internal static class PostgresFaults
{
    /// <summary>Whether an error is the database's or the network's, and not a mistake of ours.</summary>
    public static bool Knows(Exception error) =>
        error is NpgsqlException or SocketException or TimeoutException or IOException or AuthenticationException;

    /// <param name="thing">What the error is about.</param>
    public static PipelineException Describe(Exception error, string thing, PostgresSourceOptions options) =>
        // A secret that cannot be had says so itself, behind the client that asked for it.
        error.InnerException is PipelineException said ? said : error is PostgresException refused ? TranslateRefusal(refused, thing, options) : TranslateTransport(error, thing, options);

    /// <summary>What PgBouncer says of parameters, and RDS Proxy of everything that it has not; a server knows them.</summary>
    private static readonly string[] PoolersWords = ["unsupported startup parameter", "RDS Proxy"];

    /// <summary>Something between us and the server does not give us a session of our own.</summary>
    /// <param name="cause">By what it is known.</param>
    public static PipelineException Pooler(PostgresSourceOptions options, string thing, string cause, Exception? error = null) =>
        new(FaultKind.Invalid, thing, $"{cause}: {options.Host}:{options.Port} is a connection pooler, and no server",
            options.Mode == ReadMode.Cdc ? "Connect to the server itself: change capture cannot go through a pooler." : "Connect to the server itself, or have the pooler keep one session a connection and pass the parameter on.", error);

    /// <summary>A database's limit counts those of others too.</summary>
    public static string MoreConnectionsSql(PostgresSourceOptions options, bool ofDatabase) => ofDatabase
        ? $"ALTER DATABASE {Quote(options.Database)} CONNECTION LIMIT -1; -- or lower connections-max"
        : $"ALTER ROLE {Quote(options.Security.Username)} CONNECTION LIMIT {Catalog.Sql.Integer(options.ConnectionsNeeded)}; -- or lower connections-max";

    private static PipelineException TranslateRefusal(PostgresException error, string thing, PostgresSourceOptions options)
    {
        var cause = $"{error.MessageText} (SQLSTATE {error.SqlState})";
        PipelineException Fault(FaultKind kind, string nextStep) => new(kind, thing, cause, nextStep, error) { Dependency = kind == FaultKind.Unreachable && IsOfServer(error.SqlState) ? Server(options) : null };

        if (PoolersWords.Any(words => error.MessageText.Contains(words, StringComparison.Ordinal))) return Pooler(options, thing, cause, error);
        return error.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword =>
                Fault(FaultKind.NotAuthorised, $"Check username and password of {options.Name}; to set one: ALTER ROLE {Quote(options.Security.Username)} PASSWORD '...' VALID UNTIL 'infinity'; (one that has expired is refused in the same words)."),
            PostgresErrorCodes.InvalidAuthorizationSpecification when error.MessageText.Contains("certificate", StringComparison.OrdinalIgnoreCase) =>
                Fault(FaultKind.NotAuthorised, $"Show a certificate for {options.Security.Username}: security.certificate-file and security.key-file."),
            PostgresErrorCodes.InvalidAuthorizationSpecification =>
                Fault(FaultKind.NotAuthorised, $"Let the role in: ALTER ROLE {Quote(options.Security.Username)} LOGIN; and a line in pg_hba.conf for {options.Security.Username}@{options.Database} with this kind of connection."),
            PostgresErrorCodes.InvalidCatalogName => Fault(FaultKind.Missing, "Correct the database's name."),
            PostgresErrorCodes.UndefinedTable => Fault(FaultKind.Missing, "Correct the table's name or create the table."),
            PostgresErrorCodes.InvalidSchemaName => Fault(FaultKind.Missing, "Correct the schema's name or create the schema."),
            PostgresErrorCodes.UndefinedColumn => Fault(FaultKind.Missing, "Correct the column's name."),
            PostgresErrorCodes.UndefinedObject => Fault(FaultKind.Missing, "Correct the name or create the object."),
            PostgresErrorCodes.InsufficientPrivilege => Fault(FaultKind.NotAuthorised, $"Grant the right to {Quote(options.Security.Username)}; 'pipeline check' prints the SQL."),
            PostgresErrorCodes.TooManyConnections when error.Routine == "InitializeSessionUserId" => Fault(FaultKind.Unreachable, MoreConnectionsSql(options, ofDatabase: false)),
            PostgresErrorCodes.TooManyConnections when error.Routine == "CheckMyDatabase" => Fault(FaultKind.Unreachable, MoreConnectionsSql(options, ofDatabase: true)),
            PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.ConfigurationLimitExceeded =>
                Fault(FaultKind.Unreachable, "Lower connections-max of the source or raise max_connections of the server."),
            PostgresErrorCodes.QueryCanceled => Fault(FaultKind.Unreachable, "Raise request-timeout of the source if this repeats."),
            { } state when state.StartsWith("XX001", StringComparison.Ordinal) || state.StartsWith("XX002", StringComparison.Ordinal) =>
                Fault(FaultKind.Damaged, "The server's data is damaged: see the server's log."),
            // Connection failures, rollbacks, resources, operator intervention, system and internal errors.
            { } state when state[..2] is "08" or "40" or "53" or "55" or "57" or "58" or "XX" => Fault(FaultKind.Unreachable, "See the server's log if it lasts."),
            // A time limit of the server's, a server that is not the primary (any more, or yet), a plan that an ALTER TABLE has overtaken.
            "25P03" or "25P04" or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.FeatureNotSupported => Fault(FaultKind.Unreachable, "See the server's log if it lasts."),
            // Syntax, names and rights, data, constraints, features, transactions that do not allow it: what we ask is wrong.
            { } state when state[..2] is "21" or "22" or "23" or "25" or "26" or "2B" or "2F" or "3F" or "42" or "44" => Fault(FaultKind.Invalid, "See the server's log."),
            // What nobody has listed may pass.
            _ => Fault(FaultKind.Unreachable, "See the server's log if it lasts."),
        };
    }

    private static PipelineException TranslateTransport(Exception error, string thing, PostgresSourceOptions options)
    {
        var root = error;
        while (root.InnerException is { } inner) root = inner;

        if (CertificateRefusedException.FlawIn(error) is { } flaw)
            return new PipelineException(FaultKind.NotAuthorised, thing, $"TLS with {options.Host}:{options.Port} is refused: {flaw.Words}", flaw.NextStep("security.ca-file", "host"), error);
        if (error.Message.Contains("No password has been provided", StringComparison.Ordinal))
            return new PipelineException(FaultKind.NotAuthorised, thing, $"{options.Host}:{options.Port} wants a password, and there is none", "Give it: security.password = ${?VARIABLE} or secret:file:PATH.", error);
        if (error is AuthenticationException || root is AuthenticationException || error.InnerException is AuthenticationException)
            return new PipelineException(FaultKind.NotAuthorised, thing, $"TLS with {options.Host}:{options.Port} is refused: {root.Message.TrimEnd('.')}",
                "Check security.ca-file, that the certificate names this host, and security.tls.", error);
        if (error.Message.Contains("No SSL enabled connection", StringComparison.Ordinal))
            return new PipelineException(FaultKind.NotAuthorised, thing, $"{options.Host}:{options.Port} offers no TLS",
                "Turn it on (ssl = on in postgresql.conf) or set security.tls = disable.", error);
        // The first as Npgsql says it, of both; the second as we do.
        if (error.Message.Contains("authentication method is not allowed", StringComparison.Ordinal) || error.Message.Contains("channel binding", StringComparison.OrdinalIgnoreCase)
            || error.Message.Contains(Client.WireAuthentication.InClearText, StringComparison.Ordinal))
            return new PipelineException(FaultKind.NotAuthorised, thing, $"{options.Host}:{options.Port} wants the password in a way that is not given: {root.Message.TrimEnd('.')}",
                options.Security.Tls == TlsMode.Disable ? "Encrypt (security.tls), or have the server ask by scram-sha-256 (pg_hba.conf)." : "Have the server ask by scram-sha-256 (pg_hba.conf), or set security.channel-binding = prefer.", error);
        if (root is SocketException socket)
            return new PipelineException(FaultKind.Unreachable, thing, $"{options.Host}:{options.Port} cannot be reached: {socket.Message.TrimEnd('.')}",
                "Check host, port and firewall.", error) { Dependency = Server(options) };
        return new PipelineException(FaultKind.Unreachable, thing, $"the connection to {options.Host}:{options.Port} failed: {root.Message.TrimEnd('.')}",
            "Check the server and the network path to it.", error) { Dependency = Server(options) };
    }

    /// <summary>Connections, resources, an operator who stops it, its disk: it says that to whoever comes, whichever table is asked for.</summary>
    private static bool IsOfServer(string state) => state != PostgresErrorCodes.QueryCanceled && state[..2] is "08" or "53" or "57" or "58";

    private static string Server(PostgresSourceOptions options) => $"Source {options.Name} at {options.Host}:{options.Port}";

    private static string Quote(string identifier) => Catalog.Sql.Identifier(identifier);
}
