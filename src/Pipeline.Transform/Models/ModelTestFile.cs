using System.Collections.Immutable;
using System.Text.Json;
using Apache.Arrow.Types;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Models;

/// <summary>
/// The tests of one table: <c>NAME.test.json</c> beside its SQL, or beside the file that has its contract. What is wrong with one is noted with
/// its file.
/// </summary>
public sealed class ModelTestFile
{
    private const string Suffix = ".test.json";
    private static readonly string[] Sections = ["tests", "defaults", "types"];
    private static readonly string[] Parts = ["given", "expect", "quarantine", "error"];
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private readonly TransformGraph _graph;
    private readonly TableId _table;
    private readonly string _file;
    private readonly List<ConfigProblem> _problems;
    private readonly Dictionary<TableId, ImmutableDictionary<string, ModelValue?>> _defaults = [];
    private readonly ImmutableDictionary<string, IArrowType>.Builder _types = ImmutableDictionary.CreateBuilder<string, IArrowType>(StringComparer.Ordinal);

    private ModelTestFile(TransformGraph graph, TableId table, string file, List<ConfigProblem> problems) => (_graph, _table, _file, _problems) = (graph, table, file, problems);

    /// <summary>The tests of tables, in the order of the tables and then of the files; tables that have none are not among them.</summary>
    /// <exception cref="ConfigurationException">All that is wrong with the files.</exception>
    public static IReadOnlyList<ModelTest> Read(TransformGraph graph, IReadOnlyList<TableId> tables)
    {
        var (tests, problems) = (new List<ModelTest>(), new List<ConfigProblem>());
        foreach (var table in tables)
        {
            if (PathOf(graph, table, problems) is not { } file) continue;
            tests.AddRange(new ModelTestFile(graph, table, file, problems).Read());
        }

        return problems.Count == 0 ? tests : throw new ConfigurationException(problems);
    }

    /// <summary>The file with a table's tests; null: it has none.</summary>
    private static string? PathOf(TransformGraph graph, TableId table, List<ConfigProblem> problems)
    {
        var own = InDirectory(graph, table, $"{table.LayerName}.{table.Name}");
        if (File.Exists(own)) return own;
        var shared = InDirectory(graph, table, table.Name);
        if (!File.Exists(shared)) return null;
        if (graph.Tables.FirstOrDefault(other => other != table && InDirectory(graph, other, other.Name) == shared && !File.Exists(InDirectory(graph, other, $"{other.LayerName}.{other.Name}"))) is not { } other) return shared;
        problems.Add(new ConfigProblem(new SourceLocation(shared, 1), "", $"it may be of {table} and of {other}. Name it {table.LayerName}.{table.Name}{Suffix} or {other.LayerName}.{other.Name}{Suffix}"));
        return null;
    }

    private static string InDirectory(TransformGraph graph, TableId table, string name) =>
        Path.Combine(Path.GetDirectoryName(graph.TryGold(table)?.Gold.SqlFile ?? graph.LocationOf(table).File) ?? "", name + Suffix);

    private List<ModelTest> Read()
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(_file), Lenient);
            root = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            _problems.Add(new ConfigProblem(new SourceLocation(_file, (int)(e.LineNumber ?? 0) + 1), "", $"it is no JSON: {e.Message.Split(" LineNumber")[0].TrimEnd('.')}"));
            return [];
        }

        if (!IsObject(root, "", Sections)) return [];
        if (root.TryGetProperty("types", out var types)) ReadTypes(types);
        if (root.TryGetProperty("defaults", out var defaults)) ReadDefaults(defaults);
        if (!root.TryGetProperty("tests", out var tests) || tests.ValueKind != JsonValueKind.Object)
        {
            Report("tests", "is required: { \"what is true\": { \"given\": …, \"expect\": … } }");
            return [];
        }

        var read = new List<ModelTest>();
        foreach (var test in tests.EnumerateObject())
        {
            if (read.Exists(other => other.Name == test.Name)) Report(test.Name, "there are two tests of this name. Give each its own");
            if (ReadTest(test.Name, test.Value) is { } one) read.Add(one);
        }

        return read;
    }

    private ModelTest? ReadTest(string name, JsonElement test)
    {
        if (!IsObject(test, name, Parts)) return null;
        if (!test.TryGetProperty("given", out var given))
        {
            Report(name, "says nothing of what is given. Write \"given\": { \"TABLE\": [ rows ] }, or a list of these, one a run");
            return null;
        }

        var error = test.TryGetProperty("error", out var text) ? text.GetString() : null;
        if (error is null && !test.TryGetProperty("expect", out _)) Report(name, "says nothing of what is expected. Write \"expect\": [ rows ]");
        var isSilver = _table.Layer == Layer.Silver;
        if (!isSilver && test.TryGetProperty("quarantine", out _)) Report($"{name}.quarantine", $"{_table} has no quarantine: only Silver tables have one");
        return new ModelTest(_table, name, _file)
        {
            Runs = [.. (given.ValueKind == JsonValueKind.Array ? given.EnumerateArray().ToArray() : [given]).Select((run, i) => ReadRun(run, $"{name}.given[{i}]"))],
            Expect = test.TryGetProperty("expect", out var expect) ? ReadRows(expect, $"{name}.expect", ImmutableDictionary<string, ModelValue?>.Empty) : ModelRows.None,
            Quarantine = test.TryGetProperty("quarantine", out var quarantine) ? ReadRows(quarantine, $"{name}.quarantine", ImmutableDictionary<string, ModelValue?>.Empty) : ModelRows.None,
            Error = error,
            Types = _types.ToImmutable(),
        };
    }

    private ImmutableArray<GivenTable> ReadRun(JsonElement run, string path)
    {
        if (!IsObject(run, path, allowed: null)) return [];
        var given = ImmutableArray.CreateBuilder<GivenTable>();
        foreach (var table in run.EnumerateObject())
            if (Input(table.Name, path) is { } id) given.Add(new GivenTable(id, ReadRows(table.Value, $"{path}.{table.Name}", _defaults.GetValueOrDefault(id, ImmutableDictionary<string, ModelValue?>.Empty))));
        return given.ToImmutable();
    }

    /// <summary>A table that the tested one is made from; null: it is none.</summary>
    private TableId? Input(string name, string path)
    {
        var inputs = _graph.InputsOf(_table);
        if (inputs.FirstOrDefault(input => input.ToString() == name) is { } found) return found;
        Report($"{path}.{name}", $"{_table} is not made from it{SettingsReader.Nearest(name, inputs.Select(input => input.ToString()))} It is made from {string.Join(", ", inputs)}");
        return null;
    }

    /// <summary>A list of objects, or of lists of which the first has the names of the columns.</summary>
    private ModelRows ReadRows(JsonElement rows, string path, ImmutableDictionary<string, ModelValue?> defaults)
    {
        if (rows.ValueKind != JsonValueKind.Array || rows.EnumerateArray().Any(row => row.ValueKind != (rows[0].ValueKind == JsonValueKind.Array ? JsonValueKind.Array : JsonValueKind.Object)))
        {
            Report(path, "is no list of rows. Write [ { \"column\": value } ], or [ [\"column\"], [value] ]");
            return ModelRows.None;
        }

        var named = rows.GetArrayLength() > 0 && rows[0].ValueKind == JsonValueKind.Array ? OfLists(rows, path) : [.. rows.EnumerateArray().Select(row => row.EnumerateObject().Select(member => (member.Name, Value: ValueOf(member.Value))).ToList())];
        ImmutableArray<string> columns = [.. named.SelectMany(row => row.Select(member => member.Name)).Concat(defaults.Keys.Order(StringComparer.Ordinal)).Distinct(StringComparer.Ordinal)];
        return new ModelRows(columns, [.. named.Select(row => columns.Select(column => row.FindIndex(member => member.Name == column) is >= 0 and var at ? row[at].Value : defaults.GetValueOrDefault(column)).ToImmutableArray())]);
    }

    private List<List<(string Name, ModelValue? Value)>> OfLists(JsonElement rows, string path)
    {
        var names = rows[0].EnumerateArray().Select(name => name.ValueKind == JsonValueKind.String ? name.GetString()! : "").ToList();
        if (names.Contains("")) Report($"{path}[0]", "the first of lists has the names of the columns");
        var found = new List<List<(string, ModelValue?)>>();
        foreach (var (i, row) in rows.EnumerateArray().Index().Skip(1))
        {
            if (row.GetArrayLength() != names.Count) Report($"{path}[{i}]", $"has {Plural.Of(row.GetArrayLength(), "value")} for {Plural.Of(names.Count, "column")}");
            found.Add([.. names.Zip(row.EnumerateArray(), (name, value) => (name, ValueOf(value)))]);
        }

        return found;
    }

    private void ReadTypes(JsonElement types)
    {
        if (!IsObject(types, "types", allowed: null)) return;
        foreach (var type in types.EnumerateObject())
        {
            var text = type.Value.ValueKind == JsonValueKind.String ? type.Value.GetString()! : type.Value.GetRawText();
            if (ColumnType.TryParse(text) is { } parsed) _types[type.Name] = parsed;
            else Report($"types.{type.Name}", $"'{text}' is not a type{SettingsReader.Nearest(text, ColumnType.Names)} Allowed: {ColumnType.Allowed}");
        }
    }

    private void ReadDefaults(JsonElement defaults)
    {
        if (!IsObject(defaults, "defaults", allowed: null)) return;
        foreach (var table in defaults.EnumerateObject())
            if (Input(table.Name, "defaults") is { } id && IsObject(table.Value, $"defaults.{table.Name}", allowed: null))
                _defaults[id] = table.Value.EnumerateObject().ToImmutableDictionary(member => member.Name, member => ValueOf(member.Value), StringComparer.Ordinal);
    }

    private bool IsObject(JsonElement element, string path, string[]? allowed)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            Report(path, "expected a section { ... }");
            return false;
        }

        foreach (var member in element.EnumerateObject().Where(member => allowed is not null && !allowed.Contains(member.Name)))
            Report(path.Length == 0 ? member.Name : $"{path}.{member.Name}", $"there is no such setting{SettingsReader.Nearest(member.Name, allowed!)} Allowed: {string.Join(", ", allowed!)}");
        return true;
    }

    private void Report(string path, string message) => _problems.Add(new ConfigProblem(new SourceLocation(_file, 1), path, message));

    private static ModelValue? ValueOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        JsonValueKind.String => new ModelValue(JsonValueKind.String, value.GetString()!),
        // Without the white space that it is written with.
        _ => new ModelValue(value.ValueKind, JsonSerializer.Serialize(value)),
    };
}
