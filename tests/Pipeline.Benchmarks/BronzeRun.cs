using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Hosting;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Apache.Arrow;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Delta;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Ingest;
using Pipeline.Telemetry;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>A source's table into Bronze on the local disk by the service's own ingest, on a one-node cluster.</summary>
internal static class BronzeRun
{
    /// <summary>
    /// From <paramref name="start"/> to the last committed row, counted in the table's log: starting a cluster is not what
    /// is compared. Disposes the source.
    /// </summary>
    /// <param name="withPositions">False: by a <see cref="PositionlessCommitterActor"/>.</param>
    /// <param name="telemetry">What measures the node meanwhile; null: nobody listens.</param>
    /// <param name="compression">Of the files.</param>
    public static async Task<Usage> MeasureAsync(ISource source, string table, long rows, ClockStart start, CancellationToken cancellationToken, bool withPositions = true, NodeTelemetry? telemetry = null, FileCompression compression = default)
    {
        using var directory = new ScratchDirectory("to-bronze-");
        var lake = new Lake(new LocalObjectStore(directory), TimeProvider.System);
        await using var timed = new MeasuredSource(source, rows);
        using var host = await StartAsync(lake, timed, new IngestOptions { Compression = compression }, cancellationToken, withPositions, telemetry);
        var system = host.Services.GetRequiredService<ActorSystem>();
        var bronze = TableId.Bronze(source.Name, table);
        var usage = await Usage.OfAsync(async () =>
        {
            // Not before all is read: looking would be counted as ours. And only what is new in the log is read then.
            DeltaTable? seen = null;
            await Cluster.Get(system).JoinAsync(Cluster.Get(system).SelfAddress, cancellationToken);
            while (true)
            {
                if (timed.IsRead)
                {
                    seen ??= await lake.TryOpenAsync(bronze, cancellationToken);
                    if (seen is not null && (await seen.RefreshAsync(cancellationToken)).RowCount >= rows) break;
                }

                await Task.Delay(10, cancellationToken);
            }

            return (start == ClockStart.Reading ? timed.ReadingSince : timed.FirstChunk)!.End();
        });
        await system.Terminate();
        var snapshot = (await lake.TryOpenAsync(bronze, cancellationToken))?.Current;
        if (snapshot?.RowCount != rows) throw new InvalidOperationException($"The table holds {snapshot?.RowCount ?? 0} rows of {rows}.");
        return usage with { StoredBytes = snapshot.Files.Sum(file => file.Size) };
    }

    internal static async Task<IHost> StartAsync(Lake lake, ISource source, IngestOptions options, CancellationToken cancellationToken, bool withPositions = true, NodeTelemetry? telemetry = null)
    {
        var settings = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf"), cancellationToken);
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        var (outages, budget) = (OutageWatch.Silent(TimeProvider.System), new ByteBudget(options.BufferBytesMax));
        builder.Services.AddAkka("pipeline", akka =>
        {
            akka
                .AddHocon(ConfigurationFactory.ParseString(settings), HoconAddMode.Prepend)
                .AddHocon("akka.coordinated-shutdown.run-by-actor-system-terminate = off, akka.loglevel = WARNING, akka.stdout-loglevel = OFF", HoconAddMode.Prepend)
                .WithRemoting("127.0.0.1", 0)
                .WithClustering(new ClusterOptions { Roles = [IngestRegistration.Role] });
            if (withPositions) akka.WithIngest(options, lake, [source], outages, TimeProvider.System);
            else akka.WithPositionlessCommitter(lake, options.CommitInterval).WithIngestWorkers(options, lake, [source], budget, new IngestMeter(budget), outages, TimeProvider.System, only: null, new Holds());
            if (telemetry is not null) akka.WithTelemetry(telemetry, outages);
        });
        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        return host;
    }

    /// <summary>
    /// Notes when reading began, and ends with the last row: what is open is committed then, instead of waiting for more
    /// rows until its file is old enough.
    /// </summary>
    private sealed class MeasuredSource(ISource source, long rows) : ISource
    {
        private readonly CancellationTokenSource _end = new();
        private Usage.Start? _readingSince;
        private Usage.Start? _firstChunk;
        private long _rows;

        public Usage.Start? ReadingSince => Volatile.Read(ref _readingSince);

        public Usage.Start? FirstChunk => Volatile.Read(ref _firstChunk);

        public bool IsRead => Interlocked.Read(ref _rows) >= rows;

        public string Name => source.Name;

        public IReadOnlyList<SourceTable> Tables => source.Tables;

        public ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) => source.DescribeAsync(table, cancellationToken);

        public ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken) => source.ListSplitsAsync(table, cancellationToken);

        public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            if (ReadingSince is null) Interlocked.CompareExchange(ref _readingSince, Usage.Start.Now(), null);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _end.Token);
            await using var chunks = source.ReadAsync(from, stop.Token).GetAsyncEnumerator(stop.Token);
            while (await MoveAsync(chunks))
            {
                if (FirstChunk is null) Interlocked.CompareExchange(ref _firstChunk, Usage.Start.Now(), null);
                var isLast = Interlocked.Add(ref _rows, chunks.Current.RowCount) >= rows;
                yield return chunks.Current;
                if (isLast) await _end.CancelAsync();
            }
        }

        public ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken) => source.LookBackAsync(left, cancellationToken);

        public ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken) => source.ConfirmAsync(read, cancellationToken);

        public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => source.AcknowledgeAsync(split, position, cancellationToken);

        public SplitLook? LastLook(SplitId split) => source.LastLook(split);

        public long? EndOf(SplitId split) => source.EndOf(split);

        public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) => source.CheckAsync(cancellationToken);

        public async ValueTask DisposeAsync()
        {
            await source.DisposeAsync();
            _end.Dispose();
        }

        private async ValueTask<bool> MoveAsync(IAsyncEnumerator<Chunk> chunks)
        {
            try
            {
                return !_end.IsCancellationRequested && await chunks.MoveNextAsync();
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                return false;
            }
        }
    }
}

/// <summary>When the clock of a measured run starts.</summary>
internal enum ClockStart
{
    /// <summary>Before connecting: the yardstick is a program that connects too.</summary>
    Reading,

    /// <summary>When the first rows are there: the yardstick's clock starts there too.</summary>
    FirstChunk,
}
