using System.Text.Json.Nodes;
using Pipeline.Configuration;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Bronze of each source in a place of its own, and the rest in the lake: every verb finds every table where it was made.</summary>
[Collection(HealthySources.Name)]
public sealed class PlacesSpec(HealthySources sources) : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("pipeline-places-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Tables_are_made_where_it_is_said_and_stay_there_and_one_place_that_is_away_stops_its_tables_alone()
    {
        await ConfigureAsync("""places { "bronze/app" = internal, "bronze/events" = streaming }""");
        await DoneAsync("run", "--once");

        Assert.Equal(["bronze/app/users"], TablesIn("internal"));
        Assert.Equal(["bronze/events/clicks"], TablesIn("streaming"));
        Assert.All(TablesIn("lake"), table => Assert.False(table.StartsWith("bronze/", StringComparison.Ordinal), table));
        await EveryVerbFindsThemAsync("3 3 3 1");

        // What is said later counts for what is made later.
        await ConfigureAsync("""places { "bronze/app" = streaming }""");
        await DoneAsync("run", "--once");
        await EveryVerbFindsThemAsync("3 3 3 1");
        Assert.Equal(["bronze/app/users"], TablesIn("internal"));
        Assert.Equal(["bronze/events/clicks"], TablesIn("streaming"));
        var check = await RunAsync("check");
        Assert.Contains($"Place of bronze/app/users: it lies in location internal ({At("internal")}), where it was made, and stays there; by lake.places it would be made in location streaming ({At("streaming")}) now", check.Data, StringComparison.Ordinal);
        Assert.Contains($"Location streaming ({At("streaming")}): can be written", check.Data, StringComparison.Ordinal);
        var plan = await RunAsync("plan", "-o", "json");
        Assert.Equal(["bronze/app/users", "bronze/events/clicks"], plan.Rows.Where(row => (string?)row!["change"] == "lies_elsewhere").Select(row => (string)row!["table"]!).Order(StringComparer.Ordinal));

        // A place that is not mounted is no empty table, and takes no new one.
        const string Late = "late { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] }";
        await ConfigureAsync("""places { "bronze/app" = streaming, "silver/late" = streaming }""", silver: Late);
        Directory.Move(At("streaming"), At("unmounted"));
        var away = await RunAsync("tables", "-o", "json");
        Assert.Contains($"Location {At("streaming")}: its _pipeline/owner.json is not there", away.Messages, StringComparison.Ordinal);
        Assert.Contains("bronze/app/users", away.Rows.Select(row => (string)row!["table"]!));
        var run = await RunAsync("run", "--once");
        Assert.NotEqual(ExitCode.Done, run.ExitCode);
        Assert.Contains(At("streaming"), run.Messages, StringComparison.Ordinal);
        Assert.Contains("silver/late", run.Messages, StringComparison.Ordinal);
        if (Directory.Exists(At("streaming")))
        {
            Assert.Empty(Directory.EnumerateFiles(At("streaming"), "*", SearchOption.AllDirectories));
            ScratchDirectory.Delete(At("streaming"));
        }

        Directory.Move(At("unmounted"), At("streaming"));
        await ConfigureAsync("""places { "bronze/app" = streaming }""");
        await DoneAsync("run", "--once");
        await EveryVerbFindsThemAsync("3 3 3 1");

        // A configuration that has forgotten it finds no table and makes none.
        await ConfigureAsync("", ["internal"]);
        var forgotten = await RunAsync("check");
        Assert.Equal(ExitCode.Failed, forgotten.ExitCode);
        Assert.Contains($"Place of bronze/events/clicks: it lies in {At("streaming")}, and no location of the configuration has this address", forgotten.Data, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lake", "is the lake itself, or in it, or around it")]
    [InlineData("lake/inner", "is the lake itself, or in it, or around it")]
    [InlineData("", "is the lake itself, or in it, or around it")]
    [InlineData("link/inner", "is the lake itself, or in it, or around it")]
    [InlineData("internal", "is location 'internal', or in it, or around it")]
    [InlineData("internal/inner", "is location 'internal', or in it, or around it")]
    [InlineData("dev", "is the pipeline's location 'streaming', or in it, or around it")]
    public async Task A_location_shares_no_place(string streaming, string told)
    {
        Directory.CreateSymbolicLink(Path.Combine(_directory, "link"), Path.Combine(_directory, "lake"));
        await ConfigureAsync("", streaming: streaming);

        var problem = Assert.Throws<ConfigurationException>(() => PipelineOptions.Load(Path.Combine(_directory, "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null)).Problems;

        Assert.Contains(problem, one => one.Message.Contains(told, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Backups_go_to_a_location_by_its_name()
    {
        await ConfigureAsync("""places { "bronze/app" = internal }""");
        await DoneAsync("run", "--once", "users");

        await DoneAsync("backup", "--to", "streaming");

        Assert.True(File.Exists(Path.Combine(At("streaming"), "_backups", "1.json")));
        Assert.True(Directory.Exists(Path.Combine(At("streaming"), "tables", "bronze", "app", "users")));
    }

    [Fact]
    public async Task A_table_is_moved_out_of_the_lake_and_back_as_the_page_of_operations_says()
    {
        const string Table = "bronze/app/users";
        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "operations.md"), Cancel);
        await ConfigureAsync("");
        await DoneAsync("run", "--once");

        var id = (string)JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(At("lake"), "_pipeline", "lake.json"), Cancel))!["Id"]!;
        await WriteAsync(Path.Combine(At("internal"), "_pipeline", "owner.json"), Form("""{"Lake":"ID"}""").Replace("ID", id, StringComparison.Ordinal));
        await MoveAsync("lake", "internal", Form("""{"location":"NAME","address":"ADDRESS"}""").Replace("NAME", "internal", StringComparison.Ordinal).Replace("ADDRESS", At("internal"), StringComparison.Ordinal));

        Assert.Equal([Table], TablesIn("internal"));
        await EveryVerbFindsThemAsync("3 3 3 1");
        await DoneAsync("run", "--once");
        Assert.DoesNotContain(Table, TablesIn("lake"));

        await MoveAsync("internal", "lake", Form("""{"location":"lake"}"""));
        await DoneAsync("run", "--once");
        Assert.Contains(Table, TablesIn("lake"));
        await DoneAsync("verify", "--lake", At("lake"));

        string Form(string form)
        {
            Assert.Contains($"`{form}`", page, StringComparison.Ordinal);
            return form;
        }

        async Task MoveAsync(string from, string to, string place)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(At(to), Table))!);
            Directory.Move(Path.Combine(At(from), Table), Path.Combine(At(to), Table));
            await WriteAsync(Path.Combine(At("lake"), "_pipeline", "places", $"{Table}.json"), place);
        }

        static async Task WriteAsync(string path, string json)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, json, Cancel);
        }
    }

    private async Task EveryVerbFindsThemAsync(string rows)
    {
        string[] tables = ["bronze/app/users", "bronze/events/clicks", "silver/users", "gold/users_total"];
        // Also where the lake alone is named: the configuration says how its places are reached.
        var listed = await DoneAsync("tables", "-o", "json", "--lake", At("lake"));
        Assert.Equal(rows, string.Join(' ', tables.Select(table => (long)listed.Rows.Single(row => (string)row!["table"]! == table)!["rows"]!)));
        foreach (var table in tables) await DoneAsync("show", table, "-o", "json");
        await DoneAsync("history", "bronze/app/users");
        await DoneAsync("verify", "--deep");
        await DoneAsync("compact");
        await DoneAsync("vacuum");
        await DoneAsync("status", "--lake", At("lake"));
    }

    private string At(string place) => Path.Combine(_directory, place);

    private string[] TablesIn(string place) => !Directory.Exists(At(place)) ? [] : [.. Directory.EnumerateDirectories(At(place), "_delta_log", SearchOption.AllDirectories).Select(log => Path.GetRelativePath(At(place), Path.GetDirectoryName(log)!)).Order(StringComparer.Ordinal)];

    private async Task<NodeRun> DoneAsync(params string[] arguments)
    {
        var run = await RunAsync(arguments);
        Assert.True(run.ExitCode == ExitCode.Done, $"{string.Join(' ', arguments)}\n{run}");
        return run;
    }

    private Task<NodeRun> RunAsync(params string[] arguments) => NodeRun.OfAsync([.. arguments, "--config", Path.Combine(_directory, "pipeline.conf")]).WaitAsync(Deadline, Cancel);

    /// <param name="locations">Null: both.</param>
    private async Task ConfigureAsync(string places, IReadOnlyList<string>? locations = null, string streaming = "streaming", string silver = "")
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "users_total.sql"), "SELECT count(*) AS users FROM silver.users", Cancel);
        File.Delete(Path.Combine(_directory, "akka.conf"));
        await RunningNode.ConfigureAsync(_directory, $"{sources.PostgresOf(HealthySources.UsersTable)}\n{sources.KafkaConfiguration}", $$"""
            lake { {{places}} }
            locations { {{string.Join(", ", (locations ?? ["internal", "streaming"]).Select(name => $$"""{{name}} { location = "{{At(name == "streaming" ? streaming : name)}}" }"""))}} }
            silver { users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id] } }
            silver { {{silver}} }
            gold { users_total { sql = "users_total.sql", materialization = full } }
            transform.temp-directory = "{{At("work")}}"
            targets { dev { lake = "{{At("dev")}}" } }
            """);
    }
}
