using System.Collections.Concurrent;
using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>
/// The tables' definitions as they were last told to the consumer: chunks have these columns until the consumer asks
/// again.
/// </summary>
internal sealed class DescribedTables(PostgresConnections connections)
{
    private readonly ConcurrentDictionary<string, PostgresTable> _tables = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ImmutableList<PostgresColumn>> _gone = new(StringComparer.Ordinal);
    private volatile bool _isTextNeeded;

    /// <summary>As it was last told; null: not yet.</summary>
    public PostgresTable? Find(string name) => _tables.GetValueOrDefault(name);

    public async ValueTask<PostgresTable> GetAsync(string name, CancellationToken cancellationToken) =>
        _tables.TryGetValue(name, out var table) ? table : await DescribeAsync(name, cancellationToken);

    /// <summary>Asks the catalog; what it says holds from now on.</summary>
    public async ValueTask<PostgresTable> DescribeAsync(string name, CancellationToken cancellationToken) =>
        _tables[name] = await RefreshAsync(name, cancellationToken);

    /// <summary>Whether a stream has had a type whose binary form is not understood, though the catalog has none (any more).</summary>
    public bool IsTextNeeded => _isTextNeeded;

    public void NeedText() => _isTextNeeded = true;

    /// <summary>Adds a column that a stream has of the past, and the catalog has not: it is described from now on.</summary>
    public void Remember(string name, PostgresColumn column) =>
        _gone.AddOrUpdate(name, [column with { IsGone = true }], (_, known) => known.RemoveAll(other => other.Name == column.Name).Add(column with { IsGone = true }));

    /// <summary>Asks the catalog without changing what holds.</summary>
    public async ValueTask<PostgresTable> RefreshAsync(string name, CancellationToken cancellationToken)
    {
        var thing = $"Source {connections.Options.Name}, table {name}";
        if (connections.Options.Mode == ReadMode.Watermark) return await connections.UseAsync(thing, (connection, cancel) => CatalogReader.ReadAsync(connection, OptionsOf(name), thing, cancel), cancellationToken);

        // What is captured has the columns that are published.
        return await connections.UseAsync(thing, async (connection, cancel) =>
        {
            var table = await CatalogReader.ReadAsync(connection, OptionsOf(name), thing, cancel);
            var published = (await CaptureSetup.FindPublicationAsync(connection, connections.Options, cancel))?.Tables.GetValueOrDefault(table.Oid);
            return table.Captured(published).With(_gone.GetValueOrDefault(name, []));
        }, cancellationToken);
    }

    public PostgresTableOptions OptionsOf(string name) =>
        connections.Options.Tables.FirstOrDefault(options => options.Name == name)
        ?? throw new PipelineException(FaultKind.Missing, $"Source {connections.Options.Name}, table {name}", "the table is not configured",
            $"Add it below sources.{connections.Options.Name}.tables.");

    /// <summary>Transient: the consumer describes the table again and reads on with its new columns.</summary>
    public static PipelineException Changed(string thing, string cause) =>
        new(FaultKind.Unreachable, thing, $"the table's definition changed: {cause}", "It is opened again with the new definition.");
}
