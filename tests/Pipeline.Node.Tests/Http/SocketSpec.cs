using System.Diagnostics;
using System.Text.Json.Nodes;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>A node of any role is asked by its socket, by its own user and by no other.</summary>
public sealed class SocketSpec : IDisposable
{
    private const UnixFileMode OfFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly ScratchDirectory _directory = new("pipeline-socket-");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("ingest")]
    [InlineData("transform")]
    [InlineData("ingest, transform, web")]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task A_command_finds_it_by_the_configuration_and_needs_no_token(string roles)
    {
        var sockets = Path.Combine(_directory, "s");
        await using var node = await RunningNode.StartAsync(_directory, "", behind: $$"""
            cluster.roles = [{{roles}}]
            http { socket-directory = "{{sockets}}", access.directory = "{{Path.Combine(_directory, "access")}}" }
            """);

        var run = await NodeRun.OfAsync("ask", "/v1/whoami", "--config", node.ConfigPath);

        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        var who = JsonNode.Parse(run.Data)!;
        Assert.Equal(("admin", "socket", $"uid {PeerCredentials.OwnUid}"), ((string)who["role"]!, (string)who["proof"]!, (string)who["name"]!));
        Assert.Equal(OfFile, File.GetUnixFileMode(node.SocketPath!));
        Assert.Equal(OfFile | UnixFileMode.UserExecute, File.GetUnixFileMode(sockets));
        Assert.StartsWith(sockets, node.SocketPath, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_is_gone_with_its_node_and_one_that_was_left_is_passed_by()
    {
        var behind = $$"""http.socket-directory = "{{Path.Combine(_directory, "s")}}" """;
        string path;
        await using (var first = await RunningNode.StartAsync(_directory, "", behind: behind)) path = first.SocketPath!;
        var ended = await NodeRun.OfAsync("ask", "/v1/whoami", "--config", Path.Combine(_directory, "pipeline.conf"));
        Assert.Equal(ExitCode.CannotConnect, ended.ExitCode);
        Assert.Contains("no node of it", ended.Messages, StringComparison.Ordinal);
        Assert.False(File.Exists(path));

        // As a process leaves it that was killed; none has this number.
        path = path.Replace($"-{Environment.ProcessId}-", $"-{int.MaxValue}-", StringComparison.Ordinal);
        using (var left = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified))
        {
            left.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path + ".tmp"));
            File.Move(path + ".tmp", path);
        }

        Assert.True(File.Exists(path));
        File.Delete(Path.Combine(_directory, "akka.conf"));
        await using var second = await RunningNode.StartAsync(_directory, "", behind: behind);
        Assert.False(File.Exists(path));
        Assert.Equal(ExitCode.Done, (await NodeRun.OfAsync("ask", "/v1/whoami", "--config", second.ConfigPath)).ExitCode);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task Another_user_is_not_answered_though_the_file_would_let_him()
    {
        Assert.SkipUnless(PeerCredentials.OwnUid == 0 && File.Exists("/usr/bin/setpriv") && File.Exists("/usr/bin/curl"), "It takes root to be another user.");
        await using var node = await RunningNode.StartAsync(_directory, "", behind: $$"""http.socket-directory = "{{Path.Combine(_directory, "s")}}" """);
        const UnixFileMode everybody = OfFile | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        foreach (var path in (string[])[_directory, Path.Combine(_directory, "s"), node.SocketPath!]) File.SetUnixFileMode(path, everybody);

        Assert.Contains("\"proof\":\"socket\"", await CurlAsync(node.SocketPath!, uid: null), StringComparison.Ordinal);
        Assert.Equal("", await CurlAsync(node.SocketPath!, uid: 65_534));
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task A_directory_of_another_user_gets_no_socket_and_the_node_runs()
    {
        var mine = Directory.CreateDirectory(Path.Combine(_directory, "mine")).FullName;
        File.CreateSymbolicLink(Path.Combine(_directory, "theirs"), mine);

        await using var node = await RunningNode.StartAsync(_directory, "", behind: $$"""http.socket-directory = "{{Path.Combine(_directory, "theirs")}}" """);

        Assert.Null(node.SocketPath);
        await node.WaitForLogAsync("http.socket-directory");
        Assert.Empty(Directory.GetFiles(mine));
    }

    [Fact]
    public async Task Over_the_network_it_asks_with_a_token_and_says_what_is_wrong_with_it()
    {
        await using var node = await WebNode.StartAsync(_directory);
        var file = Path.Combine(_directory, "token");
        await File.WriteAllTextAsync(file, node.Token("viewer") + "\n", TestContext.Current.CancellationToken);
        string[] ask = ["ask", "/v1/whoami", "--url", node.Http.BaseAddress!.ToString()];

        var seen = await NodeRun.OfAsync([.. ask, "--token-file", file]);
        var spoken = await NodeRun.OfAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_TOKEN"] = node.Token("operator") }, ask);
        var expired = await NodeRun.OfAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_TOKEN"] = node.Token("expired") }, ask);
        var none = await NodeRun.OfAsync(ask);

        Assert.Equal("viewer", (string)JsonNode.Parse(seen.Data)!["role"]!);
        Assert.Equal("operator", (string)JsonNode.Parse(spoken.Data)!["role"]!);
        Assert.Equal((ExitCode.NotAuthorised, ExitCode.NotAuthorised), (expired.ExitCode, none.ExitCode));
        Assert.Contains("good no more", expired.Messages, StringComparison.Ordinal);
        Assert.Contains("--token-file", none.Messages, StringComparison.Ordinal);
    }

    /// <summary>What it prints; nothing where the connection ends without an answer.</summary>
    private static async Task<string> CurlAsync(string socket, int? uid)
    {
        string[] curl = ["/usr/bin/curl", "-s", "--max-time", "60", "--unix-socket", socket, "http://localhost/v1/whoami"];
        string[] command = uid is null ? curl : ["/usr/bin/setpriv", $"--reuid={uid}", "--clear-groups", .. curl];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var text = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return text;
    }
}
