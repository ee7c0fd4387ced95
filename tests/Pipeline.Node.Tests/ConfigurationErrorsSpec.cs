using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Cli;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>A copy of the shipped configuration with mistakes in it: every one is reported, at once, where it is.</summary>
public sealed partial class ConfigurationErrorsSpec : IDisposable
{
    private const string Serverless = "emr-serverless { region = eu-central-1, application-id = \"00f5\", execution-role = \"arn:aws:iam::123456789012:role/jobs\" }";
    private const string Steps = "emr { region = eu-central-1, cluster-id = \"j-1\" }";

    private readonly ScratchDirectory _directory = new("pipeline-config-");

    public ConfigurationErrorsSpec()
    {
        var hocon = Path.Combine(Repository.Root, "hocon");
        foreach (var file in Directory.EnumerateFiles(hocon, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_directory, Path.GetRelativePath(hocon, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task All_wrong_settings_are_reported_at_once_with_file_line_path_and_the_nearest_right_name()
    {
        Replace("pipeline.conf", "profile = balanced ", "profile = low-latncy, file-age-mx = 2s");
        Replace("pipeline.conf", "roles = [ingest, transform]", "roles = [ingest, transfrom]");
        Replace("sources/app.conf", "poll-interval = 1s", "poll-interval = soon");
        Replace("sources/events.conf", "type = kafka", "type = kafak");
        Replace("sources/crm.conf", "  warehouse = INGEST_WH\n  warehouse = ${?SNOWFLAKE_WAREHOUSE}\n", "");

        await VerifyErrors("wrong-settings.txt");
    }

    [Fact]
    public async Task What_does_not_fit_together_is_reported_too_down_to_the_line_of_a_query()
    {
        Replace("silver/users.conf", "from = bronze/app/users", "from = bronze/app/user");
        Replace("silver/users.conf", "length(country) = 2", "length(contry) = 2");
        Replace("silver/customer_orders.conf", "key = [order_id]", "key = [orderid]");
        Replace("gold/gold.conf", "dim_date.sql", "dim_dates.sql");
        Replace("gold/dim_users.sql", "silver.users", "silver.usres");

        await VerifyErrors("broken-graph.txt");
    }

    [Theory]
    [InlineData(Serverless, "engine = auto  ", true)]
    [InlineData(Steps, "engine = auto  ", true)]
    [InlineData(Steps, "engine = emr", true)]
    [InlineData(Steps, "engine = duckdb", false)]
    public void A_table_that_may_come_to_Spark_with_SQL_that_is_another_there_keeps_a_node_from_starting(string setUp, string engine, bool isKept)
    {
        Replace("pipeline.conf", "engine = auto  ", $"{setUp}, {engine}");
        Replace("gold/gold.conf", "key = [date_day] }\nfact_sales", "key = [date_day] }\nodd { sql = \"odd.sql\" }\nstays { sql = \"odd.sql\", engine = duckdb }\nfact_sales");
        File.WriteAllText(Path.Combine(_directory, "gold", "odd.sql"), "SELECT order_id / 2 FROM silver.customer_orders");

        var options = PipelineOptions.Load(Path.Combine(_directory, "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null);

        Assert.NotEmpty(options.Graph.UnportableOf(TableId.Gold("stays")));
        Assert.All(options.RunProblems, problem => Assert.Contains("or write engine = duckdb for gold/odd", problem.Message, StringComparison.Ordinal));
        Assert.Equal(isKept, options.RunProblems.Count > 0);
    }

    [Fact]
    public void A_cluster_with_a_journal_for_one_node_is_not_run()
    {
        Replace("pipeline.conf", "seed-nodes = []", "seed-nodes = [\"node-1:4053\"]");
        Replace("pipeline.conf", "location = \"./.pipeline/lake\"", "location = \"/lake\"");

        var options = PipelineOptions.Load(Path.Combine(_directory, "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null);

        var problem = Assert.Single(options.RunProblems);
        Assert.Equal(("pipeline.transform.journal.provider", "provider = sqlite"), (problem.Path, LineOf("pipeline.conf", problem.Location.Line)));
    }

    [Fact]
    public void What_a_node_needs_follows_the_roles_that_the_command_line_gives_it()
    {
        Replace("pipeline.conf", "seed-nodes = []", "seed-nodes = [\"node-1:4053\"]");
        Replace("pipeline.conf", "location = \"./.pipeline/lake\"", "location = \"/lake\"");

        var options = PipelineOptions.Load(Path.Combine(_directory, "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null);

        Assert.Empty((options with { Cluster = options.Cluster with { Roles = [NodeRole.Ingest] } }).RunProblems);
        Assert.Single((options with { Cluster = options.Cluster with { Roles = [NodeRole.Transform] } }).RunProblems);
    }

    [Fact]
    public async Task A_broken_brace_and_a_missing_include_are_reported_with_file_and_line()
    {
        Replace("pipeline.conf", "include \"sources/app.conf\"", "include \"sources/apps.conf\"");
        File.AppendAllText(Path.Combine(_directory, "silver/users.conf"), "}\n");

        await VerifyErrors("broken-files.txt");
    }

    private void Replace(string file, string old, string replacement)
    {
        var path = Path.Combine(_directory, file);
        var text = File.ReadAllText(path);
        Assert.Contains(old, text);
        File.WriteAllText(path, text.Replace(old, replacement, StringComparison.Ordinal));
    }

    private async Task VerifyErrors(string golden)
    {
        var run = await NodeRun.OfAsync("check", "--config", Path.Combine(_directory, "pipeline.conf"));

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Empty(run.Data);
        Golden.Verify(golden, PlaceInMessage().Replace(run.Messages.Replace(_directory + "/", "", StringComparison.Ordinal),
            place => $"{place.Groups["file"].Value} «{LineOf(place.Groups["file"].Value, int.Parse(place.Groups["line"].Value))}»:"));
    }

    /// <summary>The text of the line that a message points to: it must be the right one, whatever its number.</summary>
    private string LineOf(string file, int line) => File.ReadLines(Path.Combine(_directory, file)).ElementAt(line - 1).Trim();

    [GeneratedRegex("^(?<file>[^ :]+):(?<line>[0-9]+):", RegexOptions.Multiline)]
    private static partial Regex PlaceInMessage();
}
