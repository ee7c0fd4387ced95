using System.Runtime.CompilerServices;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Watermark;

namespace Pipeline.Sources.Postgres;

/// <summary>Tables of one PostgreSQL database, read by their watermarks: one split a table.</summary>
public sealed class PostgresSource : ISource
{
    private readonly PostgresOptions _options;
    private readonly SourceServices _services;
    private readonly PostgresConnections _connections;

    public PostgresSource(PostgresOptions options, SourceServices services)
    {
        _options = options;
        _services = services;
        _connections = new PostgresConnections(options, services.Secrets);
        Tables = [.. options.Tables.Select(table => new SourceTable(table.Name, Workers: 1))];
    }

    public string Name => _options.Name;

    public IReadOnlyList<SourceTable> Tables { get; }

    public async ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) =>
        (await DescribeTableAsync(table, cancellationToken)).ChunkSchema;

    public async ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken)
    {
        var described = await DescribeTableAsync(table, cancellationToken);
        return [new Split(WatermarkSplit.Of(Name, table, described.Oid).Id, [table])];
    }

    public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var queue = new ChunkQueue((int)Math.Max(_options.BufferBytesMax / _options.ChunkBytesMax, 1));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var readers = from.Select(position => ReadSplitAsync(position, queue, stop.Token)).ToList();
        try
        {
            await foreach (var chunk in queue.ReadAllAsync(cancellationToken)) yield return chunk;
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(readers);
        }
    }

    /// <summary>A watermark table keeps no record of its readers: there is nothing to tell it.</summary>
    public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) =>
        new PostgresCheck(_connections).RunAsync(cancellationToken);

    public ValueTask DisposeAsync() => _connections.DisposeAsync();

    private async Task ReadSplitAsync(SplitPosition from, ChunkQueue queue, CancellationToken cancellationToken)
    {
        try
        {
            var split = WatermarkSplit.Parse(from.Split);
            await new WatermarkReader(_connections, OptionsOf(split.Table), split, from.Position, queue, _services).RunAsync(cancellationToken);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Whatever a cancelled read ends with, its consumer has left.
        }
        catch (Exception e)
        {
            queue.Fail(e);
        }
    }

    private async ValueTask<PostgresTable> DescribeTableAsync(string name, CancellationToken cancellationToken)
    {
        var table = OptionsOf(name);
        var thing = $"Source {Name}, table {name}";
        return await _connections.UseAsync(thing, (connection, cancel) => CatalogReader.ReadAsync(connection, table, thing, cancel), cancellationToken);
    }

    private PostgresTableOptions OptionsOf(string table) =>
        _options.Tables.FirstOrDefault(options => options.Name == table)
        ?? throw new PipelineException(FaultKind.Missing, $"Source {Name}, table {table}", "the table is not configured", $"Add it below sources.{Name}.tables.");
}
