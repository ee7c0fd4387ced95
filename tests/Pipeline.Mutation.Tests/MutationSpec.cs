namespace Pipeline.Mutation.Tests;

/// <summary>
/// Each decision of the protocol is changed in every way that <see cref="MutantRewriter"/> knows, and a test has to notice.
/// <c>./pipeline test Mutation</c> and <c>PIPELINE_NIGHTLY=1</c> try all, a line each; otherwise a sample of one assembly is
/// tried. <c>PIPELINE_MUTANT=TEXT|TEXT</c> tries those whose line holds one of the texts.
/// </summary>
public sealed class MutationSpec
{
    private static bool IsFull => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" || Environment.GetEnvironmentVariable("PIPELINE_TEST_FILTER")?.Contains("Mutation", StringComparison.Ordinal) == true;

    public static TheoryData<string> Assemblies => [.. MutationTarget.All.Take(IsFull ? MutationTarget.All.Count : 1).Select(target => target.Assembly)];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public async Task Every_change_of_a_decision_is_noticed_by_a_test_or_has_a_reason(string assembly)
    {
        var target = MutationTarget.All.Single(candidate => candidate.Assembly == assembly);
        using var run = new MutationRun(target, Survivors.Read(assembly));

        var faults = await run.RunAsync(IsFull, Environment.GetEnvironmentVariable("PIPELINE_MUTANT"), TestContext.Current.TestOutputHelper!, TestContext.Current.CancellationToken);

        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }
}
