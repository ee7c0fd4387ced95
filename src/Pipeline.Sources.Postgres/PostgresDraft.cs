using Npgsql;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres;

/// <summary>Configures a table by what the server's catalog says of it: read by watermark, which needs no other right than to read.</summary>
internal static class PostgresDraft
{
    private static readonly string[] NamesOfChange = ["updated", "modified", "changed", "last_"];

    /// <summary>What the database has.</summary>
    public static ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken) =>
        AskAsync(url, OptionsOf(url, table: ""), options => options.Thing, services, (_, connection, cancel) => TableListing.ReadAsync(connection, cancel), cancellationToken);

    public static ValueTask<TableDraft> OfAsync(SourceUrl url, string table, string password, SourceServices services, CancellationToken cancellationToken) =>
        AskAsync(url, OptionsOf(url, table), options => $"{options.Thing}, table {table}", services, async (options, connection, cancel) =>
        {
            var thing = $"{options.Thing}, table {table}";
            return Of(url, options, table, password, await CatalogReader.ReadAsync(connection, options.Tables[0], thing, cancel), thing);
        }, cancellationToken);

    private static async ValueTask<T> AskAsync<T>(SourceUrl url, PostgresSourceOptions options, Func<PostgresSourceOptions, string> thing, SourceServices services,
        Func<PostgresSourceOptions, NpgsqlConnection, CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await ConnectAsync(options);
        }
        catch (PipelineException plain) when (plain.Kind == FaultKind.NotAuthorised && options.Security.Tls == TlsMode.Disable && url.Option("tls") is null && url.Option("sslmode") is null)
        {
            // A server on this machine may ask for encryption all the same: nobody is between, so whoever answers is it.
            return await ConnectAsync(options with { Security = options.Security with { Tls = TlsMode.Require } });
        }
        catch (PipelineException open) when (open.Cause.EndsWith("offers no TLS", StringComparison.Ordinal))
        {
            throw new PipelineException(open.Kind, open.Thing, open.Cause, "Turn it on (ssl = on in postgresql.conf), or write ?tls=disable behind the URL where nobody else is on the network.", open);
        }

        async ValueTask<T> ConnectAsync(PostgresSourceOptions asked)
        {
            await using var connections = new PostgresConnections(asked, services.Secrets, services.Owner.Name, services.Waits, services.Certificates);
            return await connections.UseAsync(thing(asked), (connection, cancel) => ask(asked, connection, cancel), cancellationToken);
        }
    }

    private static TableDraft Of(SourceUrl url, PostgresSourceOptions options, string table, string password, PostgresTable found, string thing)
    {
        IReadOnlyList<string> key = url.Option("key")?.Split(',') ?? found.PrimaryKey;
        if (key.Count == 0)
            throw new PipelineException(FaultKind.Invalid, thing, "it has no primary key, so that nobody knows which row is which", $"Add one, or name columns that tell its rows apart: ?key={found.Columns.FirstOrDefault()?.Name ?? "COLUMN"},…");
        var watermark = url.Option("watermark") ?? WatermarkOf(found)?.Name
            ?? throw new PipelineException(FaultKind.Invalid, thing, "it has no column that grows with every change: no timestamp and no integer key that is never null",
                $"Add one: ALTER TABLE {found.QualifiedName} ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(), set by every update. Or read it by change capture: mode = cdc.");
        string[] settings =
        [
            "type = postgres",
            $"host = {TableDraft.Quote(options.Host)}, port = {options.Port}, database = {TableDraft.Quote(options.Database)}",
            $"security {{ username = {TableDraft.Quote(options.Security.Username)}, password = {password}, tls = {Kebab(options.Security.Tls)}{(options.Security.CaFile is { } ca ? $", ca-file = {TableDraft.Quote(ca)}" : "")} }}",
        ];
        var asTable = $"table = {TableDraft.Quote(table)}, watermark = {TableDraft.Quote(watermark)}{(url.Option("watermark-zone") is { } zone ? $", watermark-zone = {TableDraft.Quote(zone)}" : "")}, key = [{string.Join(", ", key.Select(TableDraft.Quote))}]";
        return new TableDraft(options.Name, options.Tables[0].Name, settings, asTable, [.. found.Columns.Select(column => new DraftColumn(column.LakeName, ColumnType.Of(column).Arrow, column.IsNotNull))],
            [.. key.Select(name => found.Columns.FirstOrDefault(column => column.Name == name)?.LakeName ?? name)])
        {
            Notes = url.Option("watermark") is null && !IsOfChange(watermark)
                ? [$"It is read by {watermark}, as no column says when a row was changed: what is new is seen, and what was changed or deleted is not. Read it by change capture for that: mode = cdc."]
                : [$"It is read by {watermark}: deleted rows are not seen. Read it by change capture for that: mode = cdc."],
        };
    }

    /// <summary>What says when a row was changed; else what only grows; null: there is none.</summary>
    private static PostgresColumn? WatermarkOf(PostgresTable table)
    {
        List<PostgresColumn> moments = [.. table.Columns.Where(column => column.TypeOid is TypeOids.TimestampTz or TypeOids.Timestamp && column.IsNotNull).OrderBy(column => column.TypeOid == TypeOids.TimestampTz ? 0 : 1)];
        return moments.Find(column => IsOfChange(column.Name))
            ?? (table.PrimaryKey is [var key] ? table.Columns.FirstOrDefault(column => column.Name == key && column.TypeOid is TypeOids.Int2 or TypeOids.Int4 or TypeOids.Int8) : null)
            ?? moments.FirstOrDefault();
    }

    private static bool IsOfChange(string column) => NamesOfChange.Any(name => column.Contains(name, StringComparison.OrdinalIgnoreCase));

    private static PostgresSourceOptions OptionsOf(SourceUrl url, string table)
    {
        url.AllowOptions("tls", "sslmode", "ca", "key", "watermark", "watermark-zone");
        if (url.Hosts is not [var (host, port)]) throw new PipelineException(FaultKind.Invalid, url.Thing, "it names several hosts, and a database is read from one", "Write one host.");
        if (url.Path is not [var database]) throw new PipelineException(FaultKind.Invalid, url.Thing, "it does not name one database", $"Write {url.Scheme}://USER@{url.Authority}/DATABASE.");
        if (url.Username is not { } username) throw new PipelineException(FaultKind.Invalid, url.Thing, "it does not say as whom to read", $"Write {url.Scheme}://USER@{url.Authority}/{database}.");
        return new PostgresSourceOptions
        {
            Name = TableDraft.NameOf(database),
            Host = host,
            Port = port ?? 5432,
            Database = database,
            Security = new PostgresSecurityOptions { Username = username, Password = url.Password, Tls = TlsOf(url), CaFile = url.Option("ca") },
            Tables = [new PostgresTableOptions(TableDraft.NameOf(table[(table.LastIndexOf('.') + 1)..]), table, Watermark: "", Key: [], Overlap: TimeSpan.Zero)],
        };
    }

    /// <summary>Encrypted and verified, unless the server is this machine or something else is said, as here or as for libpq.</summary>
    private static TlsMode TlsOf(SourceUrl url)
    {
        if ((url.Option("tls") ?? url.Option("sslmode")) is not { } said) return url.IsLoopback && url.Option("ca") is null ? TlsMode.Disable : TlsMode.VerifyFull;
        foreach (var mode in Enum.GetValues<TlsMode>())
            if (Kebab(mode) == said) return mode;
        throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{said}' is not a way to encrypt", $"Allowed: {string.Join(", ", Enum.GetValues<TlsMode>().Select(Kebab))}.");
    }

    private static string Kebab(TlsMode mode) => mode switch
    {
        TlsMode.VerifyFull => "verify-full",
        TlsMode.VerifyCa => "verify-ca",
        TlsMode.Require => "require",
        _ => "disable",
    };
}
