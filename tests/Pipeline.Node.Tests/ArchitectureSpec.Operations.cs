using System.Reflection;
using System.Text.RegularExpressions;
using Pipeline.Operations.Planning;
using Pipeline.Operations.Verification;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What is done with a lake gives records of ids, numbers, times and kinds. Sentences are made where they are printed.</summary>
public sealed partial class ArchitectureSpec
{
    /// <summary>Text in what operations give back, by type or property, and why it is no sentence of ours.</summary>
    private static readonly Dictionary<string, string> MayBeText = new(StringComparer.Ordinal)
    {
        ["TableId"] = "an id",
        ["SplitId"] = "an id",
        ["CheckPipelineResult.Lake"] = "a place",
        ["ListTablesResult.Lake"] = "a place",
        ["DescribedColumn"] = "a column and its type",
        ["StatusOfLakeResult.Lake"] = "a place",
        ["StatusOfLakeResult.DeadLetters"] = "sources, by their names",
        ["KpiResult.Lake"] = "a place",
        ["ToldFault"] = "a fault: thing, cause and next step",
        ["PlanTablesResult.Lake"] = "a place",
        ["FileIsMissing.Path"] = "a place",
        ["FileHasOtherSize.Path"] = "a place",
        ["FileHasOtherBytes.Path"] = "a place",
        ["FileHoldsOtherRows.Path"] = "a place",
        ["FileHasOtherColumn"] = "a place, a column and its types",
        ["BoundsAreWrong"] = "a place and a column",
        ["OtherCommitChangesData.Operation"] = "what the writer of a commit said of it",
        ["VerifyLakeResult.Lake"] = "a place",
        ["VacuumResult.Paths"] = "places",
        ["PlannedColumn.Name"] = "a column",
        ["PlannedEngine"] = "what the pins of the run say",
        ["Numbers"] = "columns",
        ["Key.Columns"] = "columns",
        ["SourceTable"] = "names of the configuration",
        ["ConfiguredSource"] = "names of the configuration",
        ["RecordsAreThereTwice.Part"] = "a value of a column",
        ["RecordIsBeyondPosition.Part"] = "a value of a column",
        ["DeadLetterCount.Code"] = "a code",
        ["RedriveLine.Code"] = "a code",
        ["QuarantineCount.Rule"] = "a name",
        ["PlannedQuarantine.Rule"] = "a name",
        ["TooManyAreQuarantined.Rule"] = "a name",
        ["MassQuarantine.Rule"] = "a name",
        ["AddedColumn"] = "a name, a type, a column and a path",
        ["PlannedRemake.What"] = "names of the configuration",
        ["MassQuarantine"] = "a rule's name, and a share",
        ["TestedModel"] = "names of a test and its file, and a fault",
        ["UnlikeRow"] = "values of a test and of the table's rows",
        ["PreviewTableResult.Columns"] = "columns",
        ["PreviewedRow"] = "names of rules, and what the source has sent",
        ["SampledLetter"] = "what the source said of a record when it could not decode it",
        ["UnjudgedReference.Rule"] = "a name",
        ["CompileTableResult"] = "an engine's name, and its SQL",
        ["PlannedField"] = "a path, a type and a line of the configuration",
        ["ShowQuarantineResult.Key"] = "columns",
        ["QuarantinedRow"] = "names of rules, and what the source has sent",
        ["ShownDeadLetter"] = "what the source said of a record when it could not decode it",
        ["RecordRejected"] = "what the source said of a record when it could not decode it",
        ["TableCommit"] = "what the writer of a commit said of it",
        ["Finding"] = "sources look at systems that they alone know, and say it in their words",
        ["SourceTrace"] = "sources look at systems that they alone know, and say it in their words",
        ["ConfigProblem"] = "what the configuration's reader says of a setting",
        ["SourceLocation"] = "a place in the configuration",
        ["PlannedAlarm"] = "names of an alarm and of its fields",
        ["DashboardPlan"] = "a name, a document, and what CloudWatch says of it",
        ["InstrumentInfo"] = "what is measured, from its list",
        ["TableAnew"] = "names of the configuration",
        ["ControlTarget"] = "a name of the configuration, or a node's address",
        ["Hindrance"] = "what a node or an operator said, and the arguments of a command",
        ["RowStation"] = "a path of a file, and places in a source that are names or numbers",
        ["ShowRunResult"] = "names of a node and an engine, where a log is, and what a commit counted",
        ["JobPins"] = "names and ids, and why an engine was chosen",
        ["PinnedInput"] = "ids",
        ["KeptStatements"] = "SQL, and where it lies",
        ["ReportedFault"] = "a fault: thing, cause and next step",
        ["PipelineEvent"] = "an id, and what a node or an operator said",
        ["Order"] = "an id, and what an operator said",
        ["OrderAim.Identity"] = "an id",
        ["SplitPart.Range"] = "a stretch of positions for people, which stands in no document",
        ["AimedPosition.AppId"] = "a name in a table's log",
        ["TablePlace"] = "a location's name and its address",
        ["WrittenSetting"] = "a path and a text of the configuration",
        ["PipelineException"] = "a fault: thing, cause and next step",
        ["Fault"] = "a fault: thing, cause and next step",
    };

    [Fact]
    public void Results_of_operations_hold_text_only_where_it_is_a_name_or_somebody_elses()
    {
        var texts = Results().SelectMany(TextOf).Distinct().ToList();

        Assert.Equal("", string.Join(", ", texts.Where(text => !MayBeText.ContainsKey(text) && !MayBeText.ContainsKey(text.Split('.')[0]))));
        Assert.All(MayBeText.Keys, key => Assert.Contains(texts, text => text == key || text.Split('.')[0] == key));
    }

    [Fact]
    public void Operations_format_no_numbers()
    {
        var formatted = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Pipeline.Operations"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => File.ReadLines(file).Where(line => NumberFormat().IsMatch(line)).Select(line => $"{Path.GetFileName(file)}: {line.Trim()}"));

        Assert.Empty(formatted);
    }

    /// <summary>The records that operations give back, and all that they are made of.</summary>
    private static HashSet<Type> Results()
    {
        var types = new HashSet<Type>();
        var methods = typeof(VerifyLake).Assembly.GetExportedTypes().Where(type => type is { IsAbstract: true, IsSealed: true })
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static)).Where(method => method.Name is "Run" or "RunAsync");
        var todo = new Queue<Type>(methods.Select(method => method.ReturnType));
        while (todo.TryDequeue(out var type))
        {
            foreach (var part in type.GetGenericArguments().Concat(type.IsArray ? [type.GetElementType()!] : [])) todo.Enqueue(part);
            if (type.Namespace?.StartsWith("Pipeline.", StringComparison.Ordinal) != true || type.IsEnum || !types.Add(type)) continue;
            foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)) todo.Enqueue(property.PropertyType);
            foreach (var kind in type.Assembly.GetTypes().Where(type.IsAssignableFrom)) todo.Enqueue(kind);
        }

        Assert.Contains(typeof(CheckedTable), types);
        Assert.Contains(typeof(PlannedChange), types);
        return types;
    }

    private static IEnumerable<string> TextOf(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.PropertyType == typeof(string) || property.PropertyType.GetGenericArguments().Contains(typeof(string)))
        .Select(property => $"{type.Name}.{property.Name}");

    [GeneratedRegex(@"\{[^{}""]+:[#0NFDPX][^{}""]*\}|ToString\(""", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NumberFormat();
}
