using System.Globalization;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Demo.Driver;
using Pipeline.Demo.Tests.Data;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Driver;

/// <summary>
/// Reads the demo's sources into a naive medallion whenever it is asked how far it is: a pipeline of the simplest kind,
/// that needs no waiting.
/// </summary>
internal sealed class NaiveReader(NaiveMedallion lake) : IReaderProgress
{
    private static readonly string[] CrmTables = ["product_catalog", "customer_orders", "financial_transactions"];
    private static readonly string[] AppTables = ["users", "subscriptions", "product_inventory", "user_sessions"];
    private static readonly (string Name, int Partitions)[] Topics = [("user_events", 4), ("order_events", 2), ("inventory_updates", 2), ("system_metrics", 2)];

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private readonly Dictionary<string, string> _watermarks = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Topic, int Partition), long> _positions = [];
    private DemoSources? _sources;
    private int _asked;

    /// <summary>Called with the number of times the reader has been asked.</summary>
    public Action<int> Asked { get; set; } = _ => { };

    public long DeadLetters { get; private set; }

    /// <summary>From now on it reads from these; null: nothing can be read.</summary>
    public void Attach(DemoSources? sources) => _sources = sources;

    public async ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken)
    {
        Asked(Interlocked.Increment(ref _asked));
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            if (_sources is not null) await ReadTableAsync(table.Source!, table.Name, cancellationToken);
            return _watermarks.ContainsKey(table.Name) ? (long)lake.Number($"SELECT count(*) FROM bronze.{table.Name}") : 0;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public async ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken)
    {
        Asked(Interlocked.Increment(ref _asked));
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            var partition = int.Parse(split.Name.Split('/')[1], CultureInfo.InvariantCulture);
            if (_sources is not null) ReadPartition(table.Name, partition);
            return _positions.TryGetValue((table.Name, partition), out var position) ? position : null;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public async Task ReadAllAsync(CancellationToken cancellationToken)
    {
        foreach (var table in CrmTables) await ReadTableAsync(DemoSources.Crm, table, cancellationToken);
        foreach (var table in AppTables) await ReadTableAsync(DemoSources.App, table, cancellationToken);
        foreach (var (topic, partitions) in Topics)
            for (var partition = 0; partition < partitions; partition++) ReadPartition(topic, partition);
    }

    private async Task ReadTableAsync(string source, string table, CancellationToken cancellationToken)
    {
        var columns = NaiveContract.All.Single(contract => contract.Name == table).Columns.Select(column => column.Name).ToList();
        var since = _watermarks.GetValueOrDefault(table, "1970-01-01 00:00:00+00");
        using var bronze = lake.OpenBronze(table, columns);
        var select = $"SELECT {string.Join(", ", columns.Select(column => $"CAST({column} AS VARCHAR)"))} FROM {table} WHERE updated_at > TIMESTAMPTZ '{since}' ORDER BY updated_at";
        if (source == DemoSources.App)
        {
            await using var command = _sources!.Database.CreateCommand(select);
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken)) Add(rows);
        }
        else
        {
            using var connection = _sources!.Snowflake.Database.Connect();
            using var command = connection.CreateCommand();
            command.CommandText = select;
            using var rows = command.ExecuteReader();
            while (rows.Read()) Add(rows);
        }

        void Add(System.Data.Common.DbDataReader rows)
        {
            bronze.Add(Enumerable.Range(0, rows.FieldCount).Select(i => rows.IsDBNull(i) ? null : rows.GetString(i)));
            _watermarks[table] = rows.GetString(rows.FieldCount - 1);
        }
    }

    private void ReadPartition(string topic, int partition)
    {
        var position = _positions.GetValueOrDefault((topic, partition));
        var (low, high) = _sources!.Kafka.Watermarks(topic, partition);
        Assert.True(low <= position, $"{topic}/{partition} lost the records from {position} to {low}");
        if (high <= position) return;
        using var bronze = lake.OpenBronze(topic, "value", "_timestamp");
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig { BootstrapServers = _sources.Kafka.Bootstrap, GroupId = "naive" }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, partition, position));
        while (position < high)
        {
            var record = consumer.Consume(Deadlines.Test) ?? throw new TimeoutException($"{topic}/{partition} gives nothing at {position}.");
            Assert.Equal(position, record.Offset.Value);
            if (!GeneratedData.AddRecord(bronze, record.Message.Value, new DateTimeOffset(record.Message.Timestamp.UtcDateTime))) DeadLetters++;
            position++;
        }

        _positions[(topic, partition)] = position;
    }
}
