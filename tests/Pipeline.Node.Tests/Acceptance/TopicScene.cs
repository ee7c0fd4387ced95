using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Inspection;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>Topics that become Gold by configuration alone, beside a PostgreSQL that says by plain SQL what Gold shall be.</summary>
internal sealed class TopicScene : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("pipeline-topics-");
    private readonly EmbeddedKafka _kafka;
    private readonly NpgsqlDataSource _postgres;
    private RunningNode? _node;

    public TopicScene(HealthySources sources, params (string Topic, int Partitions)[] topics)
    {
        _kafka = EmbeddedKafka.Start(brokers: 1, topics);
        _postgres = NpgsqlDataSource.Create(sources.PostgresConnectionString);
    }

    /// <summary>Sources beside the topics.</summary>
    public string MoreSources { get; init; } = "";

    public string ConfigPath => _node!.ConfigPath;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Rows of a statement of the server, as texts.</summary>
    public async Task<IReadOnlyList<string>> SqlAsync(string sql)
    {
        await using var command = _postgres.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var rows = new List<string>();
        while (await reader.ReadAsync(Cancel)) rows.Add(string.Join("|", Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "" : Text(reader.GetValue(i)))));
        return rows;
    }

    /// <summary>Writes to topics what a query has, as topic, key and value.</summary>
    public async Task ProduceAsync(string sql)
    {
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap, EnableIdempotence = true }).Build();
        await using var command = _postgres.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        // A millisecond each, as time passes at the source: between partitions nothing else orders records.
        for (var at = new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc); await reader.ReadAsync(Cancel); at = at.AddMilliseconds(1))
            producer.Produce(reader.GetString(0), new Message<byte[]?, byte[]?> { Key = Bytes(1), Value = Bytes(2), Timestamp = new Timestamp(at) });
        producer.Flush(Cancel);

        byte[]? Bytes(int column) => reader.IsDBNull(column) ? null : Encoding.UTF8.GetBytes(reader.GetString(column));
    }

    /// <param name="tables">The section <c>tables</c> of the source <c>events</c>.</param>
    /// <param name="silver">The section <c>silver</c>.</param>
    /// <param name="gold">The tables by name, with their SQL.</param>
    public async Task StartAsync(string tables, string silver, params (string Name, string Sql)[] gold)
    {
        foreach (var (name, sql) in gold) await File.WriteAllTextAsync(Path.Combine(_directory, $"{name}.sql"), sql, Cancel);
        _node = await RunningNode.StartAsync(_directory, $$"""{{MoreSources}}{{Environment.NewLine}}events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", commit-group-offsets = false, tables { {{tables}} } }""", behind: $$"""
            silver { {{silver}} }
            gold { {{string.Join('\n', gold.Select(table => $$"""{{table.Name}} { sql = "{{table.Name}}.sql", materialization = full }"""))}} }
            """);
    }

    /// <summary>Waits until a table of the lake has these rows, in the order of its first columns.</summary>
    public async Task WaitForAsync(string table, string columns, IReadOnlyList<string> expected)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Deadline);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        IReadOnlyList<string> last = [];
        while (!deadline.IsCancellationRequested)
        {
            last = await RowsAsync(table, columns);
            if (last.SequenceEqual(expected, StringComparer.Ordinal)) return;
            await pulse.WaitForNextTickAsync(Cancel);
        }

        Assert.Equal(expected, last);
    }

    public async Task<IReadOnlyList<string>> RowsAsync(string table, string columns)
    {
        if (await _node!.Lake.TryOpenAsync(TableId.Parse(table), Cancel) is not { } opened) return [];
        using var query = new LakeQuery(Cancel);
        var rows = await query.RowsAsync(opened, opened.Current, columns);
        return [.. rows.Select(row => string.Join("|", row.Select(value => value is null ? "" : Text(value)))).Order(StringComparer.Ordinal)];
    }

    public async ValueTask DisposeAsync()
    {
        if (_node is not null) await _node.DisposeAsync();
        await _postgres.DisposeAsync();
        await _kafka.DisposeAsync();
        _directory.Dispose();
    }

    private static string Text(object value) => value switch
    {
        bool one => one ? "true" : "false",
        decimal number => (number / 1.000000000000000000000000000m).ToString(CultureInfo.InvariantCulture),
        DateTime at => at.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
