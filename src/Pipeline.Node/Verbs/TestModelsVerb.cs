using System.CommandLine;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Models;

namespace Pipeline.Node.Verbs;

internal sealed class TestModelsVerb : Verb
{
    private readonly Argument<string[]> _selectors;

    public TestModelsVerb() : base("test-models", "Try Silver and Gold tables on the rows of their tests (NAME.test.json beside the model); exit code 3 when one is not as it is expected.") =>
        _selectors = Add(SelectorArgument.Create("Without any, all tables that have tests."));

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var result = await TestModels.RunAsync(new TestModelsRequest(parsed.GetRequiredValue(_selectors)), invocation.Load(), cancellationToken);

        Print(invocation, result);
        invocation.Answer.Take("untested", result.Untested.Select(table => table.ToString()));
        if (result.Untested.Count > 0) invocation.Context.Messages.WriteLine($"Without a test: {string.Join(", ", result.Untested)}");
        var failed = result.Tests.Count(test => !test.IsPassed);
        invocation.Context.Messages.WriteLine($"{Plural.Of(result.Tests.Count, "test")}, {failed} failed");
        return failed == 0 ? ExitCode.Done : ExitCode.Breached;
    }

    private static void Print(Invocation invocation, TestModelsResult result)
    {
        var tests = new Listing("table", "test", Column.ForPrograms("file"), "ok", Column.Seconds("took"), Column.ForPrograms("fault"), Column.ForPrograms("differences"));
        foreach (var test in result.Tests)
            tests.Add(test.Table.ToString(), test.Name, test.File, test.IsPassed, test.Took, test.Fault, new JsonArray([.. test.Unlike.Select(ToJson)]));
        invocation.Print(tests);
        if (invocation.Format != OutputFormat.Table) return;

        var differences = new Listing("test", "table", "what", "row", "column", "expected", "actual");
        foreach (var test in result.Tests)
            foreach (var difference in test.Unlike)
                differences.Add(test.Name, difference.Table.ToString(), Word(difference.Kind), difference.Row, difference.Column, Value(difference, difference.Expected), Value(difference, difference.Actual));
        invocation.Print(differences);
        foreach (var test in result.Tests.Where(test => test.Fault is not null)) invocation.Context.Say($"{test.Table}, {test.Name}: {test.Fault}");
    }

    private static JsonNode ToJson(UnlikeRow difference) => new JsonObject
    {
        ["table"] = difference.Table.ToString(),
        ["what"] = Listing.ToJson(difference.Kind),
        ["row"] = difference.Row,
        ["column"] = difference.Column,
        ["expected"] = difference.Expected,
        ["actual"] = difference.Actual,
    };

    private static string? Value(UnlikeRow difference, string? value) => difference.Kind == UnlikeRowKind.OtherValue ? value ?? "null" : null;

    private static string Word(UnlikeRowKind kind) => kind switch
    {
        UnlikeRowKind.Missing => "is missing",
        UnlikeRowKind.Unexpected => "is not expected",
        _ => "is another",
    };
}
