using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using Apache.Arrow;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Models;

/// <param name="Differences">Of the table and of its quarantine.</param>
/// <param name="Fault">Why it could not be run, or did not end as it should; null: it did.</param>
public sealed record ModelTestResult(ModelTest Test, ImmutableArray<ModelDifference> Differences, string? Fault, TimeSpan Took);

/// <summary>
/// One test in a lake of its own: rows are committed to the tables that the model reads, and the model is planned, run and committed as
/// in any lake, by the engine in this process.
/// </summary>
public sealed class ModelTestRun : IDisposable
{
    /// <summary>No secret: tests hash alike everywhere.</summary>
    private const string MaskKeyText = "the key of model tests, which is no secret";

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly ModelTest _test;
    private readonly TransformGraph _graph;
    private readonly ModelLake _own;
    private readonly CancellationToken _cancellationToken;
    private readonly TestClock _clock = new(Start);
    private readonly IReadOnlyList<Field> _bronze;
    private long _given;

    private ModelTestRun(ModelTest test, TransformGraph graph, TransformOptions options, CancellationToken cancellationToken)
    {
        (_test, _graph, _cancellationToken) = (test, graph.OnDuckDb(), cancellationToken);
        _own = new ModelLake(_graph, ModelLake.InProcess(options) with { MaskKey = new Secret(MaskKeyText) }, _clock, cancellationToken);
        _bronze = _graph.TrySilver(test.Table) is { } contract ? ModelBronze.ColumnsOf(contract, test.Types, [.. test.Runs.SelectMany(run => run).Where(given => given.Table == contract.From).Select(given => given.Rows)]) : [];
    }

    public static async Task<ModelTestResult> RunAsync(ModelTest test, TransformGraph graph, TransformOptions options, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var (differences, fault) = (ImmutableArray<ModelDifference>.Empty, (string?)null);
        try
        {
            using var run = new ModelTestRun(test, graph, options, cancellationToken);
            await run.RunAsync();
            if (test.Error is null) differences = [.. await run.CompareAsync()];
            else fault = $"it was to end with '{test.Error}', and ended well";
        }
        catch (PipelineException e)
        {
            fault = test.Error is { } error && e.Message.Contains(error, StringComparison.Ordinal) ? null : e.Message;
        }

        return new ModelTestResult(test, differences, fault, Stopwatch.GetElapsedTime(started));
    }

    public void Dispose() => _own.Dispose();

    private async Task RunAsync()
    {
        foreach (var run in _test.Runs)
        {
            _clock.Now += TimeSpan.FromMinutes(1);
            foreach (var given in run) await (given.Table.Layer == Layer.Bronze ? AppendAsync(given) : ReplaceAsync(given));
            await _own.MakeAsync(_test.Table);
        }
    }

    /// <summary>What is new in a log.</summary>
    private async Task AppendAsync(GivenTable given)
    {
        var rows = Rows(given, _bronze, isLog: true);
        await CommitAsync(given.Table, _bronze, rows, replaces: false);
        _given += given.Rows.Rows.Length;
    }

    /// <summary>All that a table holds.</summary>
    private Task ReplaceAsync(GivenTable given)
    {
        var columns = _graph.ColumnsOf(given.Table);
        return CommitAsync(given.Table, columns, Rows(given, columns, isLog: false), replaces: true);
    }

    private async Task CommitAsync(TableId id, IReadOnlyList<Field> columns, string? rows, bool replaces)
    {
        var schema = new Schema(columns, null);
        var table = await _own.Lake.OpenOrCreateAsync(id, schema, [], ImmutableDictionary<string, string>.Empty, _cancellationToken);
        var adds = rows is null ? [] : await ParquetCopy.WriteAsync(_own.Session, table, columns, rows, _clock.Now, _cancellationToken);
        await _own.CommitAsync(table, adds, replaces);
    }

    /// <summary>Null: there are none.</summary>
    private string? Rows(GivenTable given, IReadOnlyList<Field> columns, bool isLog)
    {
        var names = given.Rows.Columns.Select(name => isLog ? ModelBronze.NameOf(name) : name).ToList();
        foreach (var unknown in names.Where(name => columns.All(column => !string.Equals(column.Name, name, StringComparison.OrdinalIgnoreCase))))
            throw Wrong(given.Table, $"has no column '{unknown}'{SettingsReader.Nearest(unknown, columns.Select(column => column.Name)).TrimEnd('.')}");
        if (given.Rows.Rows.IsEmpty) return null;
        return string.Join(" UNION ALL ", given.Rows.Rows.Select((row, i) => $"SELECT {string.Join(", ", columns.Select(column => $"{Literal(column, row, i)} AS {Sql.Name(column.Name)}"))}"));

        string Literal(Field column, ImmutableArray<ModelValue?> row, int i)
        {
            var at = names.FindIndex(name => string.Equals(name, column.Name, StringComparison.OrdinalIgnoreCase));
            var value = at >= 0 ? row[at] : null;
            if (value is null && isLog) value = ModelBronze.Default(column.Name, _given + i + 1, _clock.Now);
            return ModelLiteral.TryOf(value, column.DataType) ?? throw NoValue(given.Table, i, column, value!);
        }
    }

    private async Task<IEnumerable<ModelDifference>> CompareAsync()
    {
        var key = _graph.TrySilver(_test.Table)?.Key ?? _graph.TryGold(_test.Table)!.Gold.Key;
        var differences = await CompareAsync(_test.Table, _graph.ColumnsOf(_test.Table), _test.Expect, key);
        return _graph.TrySilver(_test.Table) is { } contract ? differences.Concat(await CompareAsync(TableId.Quarantine(contract.Table.Name), SilverTables.QuarantineColumns(contract), _test.Quarantine, key)) : differences;
    }

    private async Task<IEnumerable<ModelDifference>> CompareAsync(TableId id, IReadOnlyList<Field> byDefault, ModelRows expected, IReadOnlyList<string> key)
    {
        var current = (await _own.Lake.TryOpenAsync(id, _cancellationToken))?.Current;
        var columns = current?.Schema.FieldsList ?? byDefault;
        var compared = expected.Columns.Select(name => columns.FirstOrDefault(column => column.Name == name) ?? throw Wrong(id, $"has no column '{name}'{SettingsReader.Nearest(name, columns.Select(column => column.Name)).TrimEnd('.')}")).ToList();
        // Where no row is expected, what is there is told by its key.
        if (compared.Count == 0) compared = [.. columns.Where(column => key.Contains(column.Name) || column.Name == "_rules" || key.Count == 0)];
        var names = compared.Select(column => column.Name).ToImmutableArray();
        var wanted = expected.Rows.Select((row, i) => $"SELECT {i} AS _n, {string.Join(", ", compared.Select((column, at) => $"{Literal(column, row[at], i)} AS {Sql.Name(column.Name)}"))}").ToList();
        var actual = current is null ? Sql.Empty(compared) : await TableFiles.RelationAsync(_own.Session, _own.Lake.Store, id.ToString(), compared, [.. current.Files.Select(file => file.Path)], withOrigin: false, _cancellationToken);
        return ModelDifference.Of(id, names, key, wanted.Count == 0 ? [] : Texts(string.Join(" UNION ALL ", wanted), "_n"), Texts(actual, "ALL"));

        string Literal(Field column, ModelValue? value, int i) => ModelLiteral.TryOf(Hashed(value), column.DataType) ?? throw NoValue(id, i, column, value!);

        IReadOnlyList<string?[]> Texts(string rows, string order) =>
            [.. _own.Session.Rows($"SELECT {string.Join(", ", names.Select(name => $"CAST({Sql.Name(name)} AS VARCHAR)"))} FROM ({rows}) AS t ORDER BY {order}").Select(row => row.Select(value => (string?)value).ToArray())];
    }

    /// <summary><c>{ "hash": "text" }</c> stands for what a mask makes of the text.</summary>
    private static ModelValue? Hashed(ModelValue? value)
    {
        if (value?.Kind != JsonValueKind.Object) return value;
        using var members = JsonDocument.Parse(value.Text);
        return members.RootElement.EnumerateObject().ToArray() is [{ Name: "hash" } hashed]
            ? new ModelValue(JsonValueKind.String, MaskKey.Of(MaskKeyText).Hash(hashed.Value.ValueKind == JsonValueKind.String ? hashed.Value.GetString()! : hashed.Value.GetRawText())) : value;
    }

    private PipelineException NoValue(TableId table, int row, Field column, ModelValue value) =>
        Wrong(table, $"has in its row {row + 1} for column {column.Name} {value.Text}, which is no {ColumnType.Format(column.DataType)}");

    private PipelineException Wrong(TableId table, string cause) => new(FaultKind.Invalid, $"Test '{_test.Name}' of {_test.Table}, table {table}", cause, $"Correct {_test.File}.");

    /// <summary>Moments of a test are the same on every day; what takes time takes it.</summary>
    private sealed class TestClock(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
