using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Options;
using Pipeline.Operations.Planning;
using Pipeline.Operations.Sources;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A table that masks is made in process also where Spark is set up, and everybody who asks is told.</summary>
public sealed class MaskedEngineSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("masked-engine-");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("engine = emr", "", "silver/people")]
    [InlineData("engine = auto", "", "silver/people")]
    [InlineData("engine = duckdb", "engine = emr", "silver/people")]
    [InlineData("engine = emr", "engine = duckdb", "")]
    public async Task Check_and_the_log_say_which_tables_do_not_come_to_Spark_although_they_are_configured_for_it(string engine, string ofTable, string kept)
    {
        var options = await LoadAsync(engine, ofTable, "length(email) > 3");
        using var log = new StringWriter();
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);

        var check = await CheckPipeline.RunAsync(new CheckPipelineRequest(), options with { Sources = [] }, new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new LakeOwner("pipeline", lake)), lake, TestContext.Current.CancellationToken);
        using (var logs = NodeLogs.Create(log, LogLevel.Information)) logs.CreateLogger("node").TellStart(options, "pipeline.conf");

        Assert.Equal(kept.Length == 0 ? [] : [$"Engine of {kept}"], check.Findings.Where(finding => finding.Ok && finding.Detail.Contains("the key of masks does not leave it", StringComparison.Ordinal)).Select(finding => finding.Thing));
        Assert.Equal(kept.Length > 0, log.ToString().Contains("the key does not leave the node: silver/people", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SQL_that_Spark_takes_otherwise_hinders_no_table_that_does_not_come_to_Spark()
    {
        var options = await LoadAsync("engine = emr", "", "regexp_like(email, 'a$')");

        Assert.NotEmpty(options.Graph.Unportable);
        Assert.Empty(options.RunProblems);
    }

    private async Task<PipelineOptions> LoadAsync(string engine, string ofTable, string check)
    {
        var config = await RunningNode.ConfigureAsync(_directory, "app { type = kafka, bootstrap = \"127.0.0.1:1\", tables { people { topic = people } } }", $$"""
            transform { {{engine}}, emr { region = eu-central-1, cluster-id = "j-1" }, mask-key = "a key of thirty-two letters or more" }
                  silver {
                    people { from = bronze/app/people, format = json, {{ofTable}}
                      columns { id { type = long }, email { type = string, mask = hash } }, key = [id], rules = [ { name = known, check = "{{check}}" } ] }
                    teams { from = bronze/app/people, format = json, columns { id { type = long } }, key = [id] }
                  }
            """);
        return PipelineOptions.Load(config, SourceKinds.All, Path.Combine(_directory, "lake"), _ => null);
    }
}
