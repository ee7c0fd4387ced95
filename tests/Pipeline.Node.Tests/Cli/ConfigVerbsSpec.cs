using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class ConfigVerbsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-config-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Each_setting_is_shown_with_the_file_and_line_that_it_is_from_and_no_secret_is()
    {
        var config = await ConfigureAsync("here", "balanced");

        var shown = await NodeRun.OfAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["DB_PASSWORD"] = "hunter2" }, "config", "show", "--origin", "--config", config, "-o", "json");

        Assert.Equal(ExitCode.Done, shown.ExitCode);
        Assert.DoesNotContain("hunter", shown.Data + shown.Messages, StringComparison.Ordinal);
        var rows = shown.Rows.ToDictionary(row => (string)row!["setting"]!, row => row!, StringComparer.Ordinal);
        Assert.Equal(("***", "app.conf", 2), Of("pipeline.sources.app.security.password"));
        Assert.Equal(("balanced", "pipeline.conf", 2), Of("pipeline.ingest.profile"));
        Assert.Equal(("Host=db;Password=***", "pipeline.conf", 3), Of("pipeline.transform.journal.connection"));

        (string, string, int) Of(string setting) => ((string)rows[setting]["text"]!, Path.GetFileName((string)rows[setting]["file"]!), (int)rows[setting]["line"]!);
    }

    [Fact]
    public async Task What_another_configuration_says_otherwise_is_shown_and_ends_with_2()
    {
        var (here, there) = (await ConfigureAsync("here", "balanced"), await ConfigureAsync("there", "bulk"));
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["DB_PASSWORD"] = "hunter2" };

        var other = await NodeRun.OfAsync(environment, "config", "diff", there, "--config", here, "-o", "json");
        var same = await NodeRun.OfAsync(environment, "config", "diff", here, "--config", here, "-o", "json");

        var row = Assert.Single(other.Rows)!;
        Assert.Equal(("pipeline.ingest.profile", "balanced", "bulk"), ((string)row["setting"]!, (string)row["here"]!, (string)row["there"]!));
        Assert.Equal((ExitCode.PlanHasChanges, ExitCode.Done), (other.ExitCode, same.ExitCode));
    }

    private async Task<string> ConfigureAsync(string name, string profile)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "app.conf"), """
            app { type = postgres, host = db, database = app, poll-interval = 1s
            security { tls = disable, username = reader, password = ${DB_PASSWORD} }
            tables { users { table = "public.users", watermark = updated_at, key = [user_id] } } }
            """);
        await File.WriteAllTextAsync(Path.Combine(directory, "pipeline.conf"), $$"""
            pipeline {
              ingest.profile = {{profile}}
              transform.journal { provider = postgresql, connection = "Host=db;Password=hunter3" }
              lake.location = lake
              sources { include "app.conf" }
            }
            """);
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(directory, "akka.conf"));
        return Path.Combine(directory, "pipeline.conf");
    }
}
