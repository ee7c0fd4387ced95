using System.IO.Compression;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Pipeline.Emulation.Snowflake;

/// <summary>One request that the server has answered, or left unanswered because of a fault (status 0).</summary>
public sealed record SnowflakeRequest(SnowflakeOperation Operation, string Target, int Status);

/// <summary>
/// An HTTP server on the loopback interface that speaks Snowflake's SQL API, version 2: statements, polling, partitions,
/// cancellation, OAuth and key-pair tokens. Tables live in <see cref="Database"/>.
/// </summary>
public sealed class SnowflakeServer : IAsyncDisposable
{
    private const string StatementsPath = "/api/v2/statements";

    private readonly SnowflakeServerOptions _options;
    private readonly SnowflakeEngine _engine;
    private readonly SnowflakeStatements _statements;
    private readonly SnowflakeTokens _tokens;
    private readonly SnowflakeRequestLog _requests = new();
    private readonly WebApplication _web;

    private SnowflakeServer(SnowflakeServerOptions options)
    {
        _options = options;
        Database = new SnowflakeDatabase(options);
        _engine = new SnowflakeEngine(Database, options);
        _statements = new SnowflakeStatements(_engine, options.Time);
        _tokens = new SnowflakeTokens(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, options.Port));
        _web = builder.Build();
        _web.Run(AnswerAsync);
    }

    /// <summary>What stands for <c>https://ACCOUNT.snowflakecomputing.com</c>.</summary>
    public Uri Url { get; private set; } = null!;

    public Uri TokenUrl => new(Url, "/oauth/token");

    /// <summary>The tables, for whoever fills them.</summary>
    public SnowflakeDatabase Database { get; }

    public SnowflakeFaults Faults { get; } = new();

    /// <summary>Texts of the last statements in the order in which they were executed.</summary>
    public IReadOnlyCollection<string> Executed => _statements.Executed;

    public static async Task<SnowflakeServer> StartAsync(SnowflakeServerOptions options, CancellationToken cancellationToken)
    {
        var server = new SnowflakeServer(options);
        await server._web.StartAsync(cancellationToken);
        var addresses = server._web.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>();
        server.Url = new Uri(addresses.Addresses.Single());
        return server;
    }

    /// <summary>Statements submitted from now on do not run until the returned hold is disposed.</summary>
    public IDisposable HoldStatements() => _statements.Hold();

    /// <summary>Suspends the warehouse for good (no automatic resume), or lets it run again.</summary>
    public void SetWarehouse(bool isAvailable) => _engine.IsWarehouseAvailable = isAvailable;

    /// <summary>The kind that every table is listed with from now on.</summary>
    public void ShowObjectsAs(string kind) => _engine.ObjectKind = kind;

    /// <summary>Waits until a request has been answered, also one before this call.</summary>
    public Task<SnowflakeRequest> WaitForAsync(Func<SnowflakeRequest, bool> isIt, CancellationToken cancellationToken) =>
        _requests.WaitForAsync(isIt, cancellationToken);

    /// <summary>The last requests, in order.</summary>
    public IReadOnlyList<SnowflakeRequest> Requests => _requests.All;

    public async ValueTask DisposeAsync()
    {
        _statements.Dispose();
        await _web.DisposeAsync();
        Database.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var operation = OperationOf(http.Request);
        var target = http.Request.Path + http.Request.QueryString;
        var fault = Faults.Take(operation);
        var answer = fault switch
        {
            SnowflakeFault.TooManyRequests => SnowflakeAnswers.Plain(429, "390505", "Too many requests."),
            SnowflakeFault.InternalError => SnowflakeAnswers.Plain(500, "370001", "Internal error."),
            SnowflakeFault.ServiceUnavailable => SnowflakeAnswers.Plain(503, "390503", "Service unavailable."),
            SnowflakeFault.TokenExpired => SnowflakeAnswers.Failure(SnowflakeError.ExpiredToken(), default),
            SnowflakeFault.DropBeforeActing => null,
            _ => await ActAsync(http, operation, fault == SnowflakeFault.RunAsynchronously),
        };
        if (fault == SnowflakeFault.FailAfterActing) answer = SnowflakeAnswers.Plain(503, "390503", "Service unavailable.");
        if (fault is SnowflakeFault.DropBeforeActing or SnowflakeFault.DropAfterActing)
        {
            http.Abort();
            _requests.Add(new SnowflakeRequest(operation, target, 0));
            return;
        }

        await SendAsync(http, answer!, isTruncated: fault == SnowflakeFault.TruncateAnswer);
        _requests.Add(new SnowflakeRequest(operation, target, answer!.Status));
    }

    private static SnowflakeOperation OperationOf(HttpRequest request) =>
        !request.Path.StartsWithSegments(StatementsPath, StringComparison.OrdinalIgnoreCase) ? SnowflakeOperation.Token
        : request.Path.Value!.EndsWith("/cancel", StringComparison.Ordinal) ? SnowflakeOperation.Cancel
        : HttpMethods.IsPost(request.Method) ? SnowflakeOperation.Submit
        : request.Query["partition"].FirstOrDefault() is { } partition && partition != "0" ? SnowflakeOperation.Partition
        : SnowflakeOperation.Status;

    private async Task<SnowflakeAnswer> ActAsync(HttpContext http, SnowflakeOperation operation, bool isAsynchronous)
    {
        if (operation == SnowflakeOperation.Token) return await IssueTokenAsync(http.Request);
        var handle = Guid.NewGuid();
        try
        {
            if (string.IsNullOrEmpty(http.Request.Headers.UserAgent)) throw SnowflakeError.BadRequest("Missing header User-Agent.");
            var roles = _tokens.Check(http.Request.Headers.Authorization, http.Request.Headers["X-Snowflake-Authorization-Token-Type"]);
            if (operation == SnowflakeOperation.Submit) return await SubmitAsync(http.Request, roles, isAsynchronous);

            var segments = http.Request.Path.Value!.Split('/');
            if (segments.Length < 5 || !Guid.TryParse(segments[4], out handle)) throw SnowflakeError.UnknownStatement();
            if (operation == SnowflakeOperation.Cancel) return Cancel(_statements.Find(handle));
            return await StateAsync(_statements.Find(handle), http.Request);
        }
        catch (SnowflakeError error)
        {
            return SnowflakeAnswers.Failure(error, handle);
        }
    }

    private async Task<SnowflakeAnswer> IssueTokenAsync(HttpRequest request)
    {
        if (!request.Path.Equals("/oauth/token", StringComparison.Ordinal) || !HttpMethods.IsPost(request.Method) || !request.HasFormContentType)
            return SnowflakeAnswers.Plain(404, "390404", "Not found.");
        var form = await request.ReadFormAsync();
        var (status, body) = _tokens.Issue(form.ToDictionary(field => field.Key, field => field.Value.ToString(), StringComparer.Ordinal));
        return new SnowflakeAnswer(status, JsonSerializer.SerializeToUtf8Bytes(body));
    }

    private async Task<SnowflakeAnswer> SubmitAsync(HttpRequest request, IReadOnlyList<string> roles, bool isAsynchronous)
    {
        if (!request.HasJsonContentType()) return SnowflakeAnswers.Plain(415, "391900", "The content type must be application/json.");
        var body = await SnowflakeSubmission.ReadAsync(request.Body);
        var requestId = request.Query["requestId"].FirstOrDefault() is { } id
            ? Guid.TryParse(id, out var parsed) ? parsed : throw SnowflakeError.BadRequest($"Invalid requestId '{id}'.")
            : Guid.NewGuid();
        isAsynchronous |= request.Query["async"] == "true";
        var context = new SnowflakeContext(body.Role, body.Warehouse, body.Database, body.Schema, roles);
        var statement = _statements.Submit(body.Statement, body.Bindings, context, requestId, request.Query["retry"] == "true");
        if (isAsynchronous) return SnowflakeAnswers.Running(statement);

        var timeout = body.Timeout is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : Timeout.InfiniteTimeSpan;
        var wait = timeout > TimeSpan.Zero && timeout < _options.SynchronousWait ? timeout : _options.SynchronousWait;
        try
        {
            var result = await statement.Completion.WaitAsync(wait, _options.Time);
            return SnowflakeAnswers.ResultSet(statement, result);
        }
        catch (TimeoutException) when (wait == timeout)
        {
            await statement.Cancellation.CancelAsync();
            return SnowflakeAnswers.Failure(new SnowflakeError(408, "000630", "57014",
                $"Statement reached its statement or warehouse timeout of {timeout.TotalSeconds:0} second(s) and was canceled."), statement.Handle);
        }
        catch (TimeoutException)
        {
            return SnowflakeAnswers.Running(statement);
        }
        catch (SnowflakeError error)
        {
            return SnowflakeAnswers.Failure(error, statement.Handle);
        }
    }

    private static async Task<SnowflakeAnswer> StateAsync(SnowflakeStatement statement, HttpRequest request)
    {
        if (!HttpMethods.IsGet(request.Method)) return SnowflakeAnswers.Plain(405, "391902", "Method not allowed.");
        if (!statement.Completion.IsCompleted) return SnowflakeAnswers.Running(statement);
        var result = await statement.Completion;
        var text = request.Query["partition"].FirstOrDefault() ?? "0";
        if (!int.TryParse(text, out var partition) || partition < 0 || partition >= result.Partitions.Count)
            throw SnowflakeError.BadRequest($"Invalid partition '{text}'.");
        return partition == 0 ? SnowflakeAnswers.ResultSet(statement, result) : SnowflakeAnswers.Partition(statement, result, partition);
    }

    private static SnowflakeAnswer Cancel(SnowflakeStatement statement)
    {
        statement.Cancellation.Cancel();
        return SnowflakeAnswers.Cancelled(statement);
    }

    private static async Task SendAsync(HttpContext http, SnowflakeAnswer answer, bool isTruncated)
    {
        var response = http.Response;
        response.StatusCode = answer.Status;
        response.ContentType = "application/json";
        if (answer.Link is { } link) response.Headers.Link = link;
        var body = answer.Body;
        var isCompressed = answer.IsCompressed;
        if (!isCompressed && answer.Status == 200 && http.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
        {
            using var compressed = new MemoryStream();
            await using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(body);
            body = compressed.ToArray();
            isCompressed = true;
        }

        if (isCompressed) response.Headers.ContentEncoding = "gzip";
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(isTruncated ? body.AsMemory(0, body.Length / 2) : body);
        if (!isTruncated) return;
        await response.Body.FlushAsync();
        http.Abort();
    }
}
