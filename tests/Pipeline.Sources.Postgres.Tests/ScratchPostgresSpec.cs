using System.Diagnostics;
using Npgsql;
using Pipeline.Emulation.Postgres;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class ScratchPostgresSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task Speaks_TLS_with_a_certificate_for_its_address_and_asks_for_the_password()
    {
        await using var right = new NpgsqlConnection(server.Scratch.ConnectionString);
        await using var wrong = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.Scratch.ConnectionString) { Password = "wrong", Pooling = false }.ConnectionString);

        await right.OpenAsync(Cancel);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => wrong.OpenAsync(Cancel));

        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task Keeps_its_data_over_a_restart_on_the_same_directory()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using (var first = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), Cancel))
        {
            await using var source = NpgsqlDataSource.Create(first.ConnectionString);
            await using var create = source.CreateCommand("create table kept as select 42 as value");
            await create.ExecuteNonQueryAsync(Cancel);
        }

        await using var second = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), Cancel);
        await using var again = NpgsqlDataSource.Create(second.ConnectionString);
        await using var read = again.CreateCommand("select value from kept");

        Assert.Equal(42, await read.ExecuteScalarAsync(Cancel));
    }

    [Fact]
    public async Task Takes_over_from_a_server_whose_owner_was_killed()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var first = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), Cancel);
        var abandoned = first.ServerProcessId!.Value;

        // The first owner still holds its server, as one does that is being killed this very moment.
        await using var second = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), Cancel);

        Assert.NotEqual(abandoned, second.ServerProcessId);
        await using var connection = new NpgsqlConnection(second.ConnectionString);
        await connection.OpenAsync(Cancel);
    }

    [Fact]
    public async Task Stops_when_the_owner_closes_it_and_leaves_no_process()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        var scratch = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), Cancel);
        using var process = Process.GetProcessById(scratch.ServerProcessId!.Value);

        await scratch.DisposeAsync();

        await process.WaitForExitAsync(Cancel);
        Assert.Null(scratch.ServerProcessId);
    }

    [Fact]
    public async Task Stops_when_its_owner_is_killed()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        using var watcher = new FileSystemWatcher(directory, ScratchPostgresOwner.ReadyFile);
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Renamed += (_, _) => ready.TrySetResult();
        watcher.EnableRaisingEvents = true;
        // Run by "dotnet tests.dll" this process is dotnet; run by its own host it is itself.
        var isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet";
        string[] assembly = isHosted ? [typeof(ScratchPostgresSpec).Assembly.Location] : [];
        using var owner = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. assembly, "-explicit", "only", "-method", $"*{nameof(ScratchPostgresOwner)}.{nameof(ScratchPostgresOwner.Holds_a_server_until_it_is_killed)}"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            Environment = { [ScratchPostgresOwner.DirectoryVariable] = directory },
        })!;
        await Task.WhenAny(ready.Task.WaitAsync(Cancel), owner.WaitForExitAsync(Cancel));
        Assert.True(ready.Task.IsCompletedSuccessfully);
        using var process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(Path.Combine(directory, ScratchPostgresOwner.ReadyFile), Cancel)));

        owner.Kill(entireProcessTree: false);

        await process.WaitForExitAsync(Cancel);
        await owner.WaitForExitAsync(Cancel);
    }
}

/// <summary>Run in a process of its own by <see cref="ScratchPostgresSpec.Stops_when_its_owner_is_killed"/>.</summary>
public sealed class ScratchPostgresOwner
{
    public const string DirectoryVariable = "PIPELINE_TEST_POSTGRES_DIRECTORY";
    public const string ReadyFile = "ready";

    public static bool IsThisProcess => Environment.GetEnvironmentVariable(DirectoryVariable) is not null;

    [Fact(Explicit = true)]
    public async Task Holds_a_server_until_it_is_killed()
    {
        var directory = Environment.GetEnvironmentVariable(DirectoryVariable)!;
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(directory, "server")), TestContext.Current.CancellationToken);
        // Whole or not there: the other process waits for the name.
        await File.WriteAllTextAsync(Path.Combine(directory, "pid"), $"{server.ServerProcessId}", TestContext.Current.CancellationToken);
        File.Move(Path.Combine(directory, "pid"), Path.Combine(directory, ReadyFile));
        await Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
    }
}
