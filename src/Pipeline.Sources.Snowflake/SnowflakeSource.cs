using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Auth;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake;

/// <summary>Tables of a Snowflake account. Each table is one split, whose position is its watermark.</summary>
internal sealed class SnowflakeSource : ISource
{
    private readonly SnowflakeSourceOptions _options;
    private readonly HttpClient _http;
    private readonly Tokens _tokens;
    private readonly SnowflakeClient _client;
    private readonly IReadOnlyDictionary<string, WatermarkTable> _tables;

    public SnowflakeSource(SnowflakeSourceDefinition definition, SourceServices services)
    {
        Name = definition.Name;
        Tables = definition.Tables;
        _options = definition.Options;
        var log = services.Logs.CreateLogger<SnowflakeSource>();
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // Addresses behind an account's name change; tokens do not depend on connections.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            MaxConnectionsPerServer = (_options.ParallelPartitions + 2) * Math.Max(1, _options.Tables.Count),
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
        })
        {
            // Every request has its own deadline.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _tokens = _options.Auth switch
        {
            SnowflakeAuth.OAuth oauth => new OAuthTokens(Name, oauth, _http, _options.Retry, _options.RequestTimeout, services.Secrets, services.Time),
            SnowflakeAuth.KeyPair keyPair => new KeyPairTokens(Name, keyPair, services.Secrets, services.Time),
            var other => throw new ArgumentException($"Unknown authentication {other.GetType().Name}."),
        };
        _client = new SnowflakeClient(_options, new SnowflakeHttp(Name, _options, _http, _tokens, services.Time, log), services.Time, log);
        _tables = _options.Tables.ToDictionary(table => table.Name,
            table => new WatermarkTable(Name, table, _options, _client, services.Time, log), StringComparer.Ordinal);
    }

    public string Name { get; }

    public IReadOnlyList<SourceTable> Tables { get; }

    public async ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) =>
        (await _tables[table].DescribeAsync(cancellationToken)).Schema;

    public ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<Split>>([new Split(_tables[table].Split, [table])]);

    public IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken) =>
        from is [var only] ? TableOf(only.Split).ReadAsync(only.Position, cancellationToken) : ReadAllAsync(from, cancellationToken);

    /// <summary>Watermarks live in the lake alone: there is nothing to tell Snowflake.</summary>
    public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public async ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var account = $"Source {Name}, account {_options.AccountUrl.Host}";
        if (!await FindAsync(findings, account, async () =>
            {
                await _client.QueryAsync(account, "SELECT CURRENT_TIMESTAMP()", cancellationToken);
                return new Finding(account, Ok: true, $"signed in as role {_options.Role}");
            }))
            return findings;

        foreach (var table in _tables.Values)
            await FindAsync(findings, table.Thing, async () =>
            {
                var shape = await table.DescribeAsync(cancellationToken);
                var watermark = shape.Columns[shape.Watermark];
                var without = watermark.IsNullable ? await table.CountWithoutWatermarkAsync(cancellationToken) : 0;
                return without == 0
                    ? new Finding(table.Thing, Ok: true, $"{shape.Columns.Count} columns, watermark {watermark.Name} ({watermark.Type})")
                    : new Finding(table.Thing, Ok: false, $"{without} rows have no value in the watermark column {watermark.Name} and are never read",
                        $"Fill the column and make it NOT NULL: UPDATE ... SET \"{watermark.Name}\" = CURRENT_TIMESTAMP() WHERE \"{watermark.Name}\" IS NULL.");
            });
        return findings;
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        _tokens.Dispose();
        return ValueTask.CompletedTask;
    }

    private WatermarkTable TableOf(SplitId split) => _tables[split.Name];

    private static async Task<bool> FindAsync(List<Finding> findings, string thing, Func<Task<Finding>> look)
    {
        try
        {
            findings.Add(await look());
        }
        catch (PipelineException e)
        {
            findings.Add(new Finding(thing, Ok: false, e.Cause, e.NextStep));
        }

        return findings[^1].Ok;
    }

    /// <summary>Several tables at once: each is read by itself, one chunk ahead of the consumer.</summary>
    private async IAsyncEnumerable<Chunk> ReadAllAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var merged = Channel.CreateBounded<Chunk>(1);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = from.Select(split => PumpAsync(split, merged.Writer, stop.Token)).ToArray();
        try
        {
            await foreach (var chunk in merged.Reader.ReadAllAsync(cancellationToken)) yield return chunk;
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(reading);
            while (merged.Reader.TryRead(out var unread)) unread.Dispose();
        }
    }

    private async Task PumpAsync(SplitPosition from, ChannelWriter<Chunk> merged, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var chunk in TableOf(from.Split).ReadAsync(from.Position, cancellationToken))
            {
                try
                {
                    await merged.WriteAsync(chunk, cancellationToken);
                }
                catch
                {
                    chunk.Dispose();
                    throw;
                }
            }
        }
        catch (Exception e) when (e is ChannelClosedException || (e is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            // The reader has gone, or another table's failure ends the reading.
        }
        catch (PipelineException e)
        {
            merged.TryComplete(new PipelineException(e.Kind, e.Thing, e.Cause, e.NextStep, e) { Split = from.Split });
        }
        catch (Exception e)
        {
            merged.TryComplete(e);
            throw;
        }
    }
}
