using Pipeline.Core;
using Pipeline.Operations.Options;
using Pipeline.Transform.Models;

namespace Pipeline.Operations.Models;

/// <param name="Selectors">Of the tables to be tested; none: all.</param>
public sealed record TestModelsRequest(IReadOnlyList<string> Selectors);

public enum UnlikeRowKind
{
    /// <summary>It is expected and not there.</summary>
    Missing,

    /// <summary>It is there and not expected.</summary>
    Unexpected,

    /// <summary>It is there with another value.</summary>
    OtherValue,
}

/// <summary>Where a table is not as a test has it.</summary>
/// <param name="Table">The tested one, or its quarantine.</param>
/// <param name="Row">Its key, or all of its values where the test does not name the key.</param>
/// <param name="Column">Of a value that is another; null else.</param>
public sealed record UnlikeRow(TableId Table, UnlikeRowKind Kind, string Row, string? Column, string? Expected, string? Actual);

/// <param name="Fault">Why it could not be run, or did not end as it should; null: it did.</param>
public sealed record TestedModel(TableId Table, string Name, string File, IReadOnlyList<UnlikeRow> Unlike, string? Fault, TimeSpan Took)
{
    public bool IsPassed => Fault is null && Unlike.Count == 0;
}

/// <param name="Tests">By table, in the order of their files.</param>
/// <param name="Untested">Tables without a test.</param>
public sealed record TestModelsResult(IReadOnlyList<TestedModel> Tests, IReadOnlyList<TableId> Untested);

/// <summary>Runs the tests of Silver and Gold tables, each in a lake of its own; the pipeline's lake and its sources are not looked at.</summary>
public static class TestModels
{
    /// <summary>Tests at once: each has its memory.</summary>
    private const int AtOnceMax = 4;

    /// <exception cref="Configuration.ConfigurationException">All that is wrong with the files of tests.</exception>
    /// <exception cref="PipelineException">A selector means no table.</exception>
    public static async Task<TestModelsResult> RunAsync(TestModelsRequest request, PipelineOptions options, CancellationToken cancellationToken)
    {
        var tables = options.Selector.Select(request.Selectors).Where(table => table.Layer != Layer.Bronze).ToList();
        var tests = ModelTestFile.Read(options.Graph, tables);
        var results = new TestedModel[tests.Count];
        await Parallel.ForAsync(0, tests.Count, new ParallelOptions { MaxDegreeOfParallelism = Math.Min(AtOnceMax, Environment.ProcessorCount), CancellationToken = cancellationToken },
            async (i, cancel) => results[i] = Of(await ModelTestRun.RunAsync(tests[i], options.Graph, options.Transform, cancel)));
        return new TestModelsResult(results, [.. tables.Where(table => tests.All(test => test.Table != table))]);
    }

    private static TestedModel Of(ModelTestResult result) => new(result.Test.Table, result.Test.Name, result.Test.File,
        [.. result.Differences.Select(difference => new UnlikeRow(difference.Table, Of(difference.Kind), difference.Row, difference.Column, difference.Expected, difference.Actual))], result.Fault, result.Took);

    private static UnlikeRowKind Of(DifferenceKind kind) => kind switch
    {
        DifferenceKind.Missing => UnlikeRowKind.Missing,
        DifferenceKind.Unexpected => UnlikeRowKind.Unexpected,
        _ => UnlikeRowKind.OtherValue,
    };
}
