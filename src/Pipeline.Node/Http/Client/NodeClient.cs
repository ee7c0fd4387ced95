using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;

namespace Pipeline.Node.Http.Client;

/// <summary>Asks a running node as every program does: by its socket on this machine, or by its address with a token.</summary>
internal sealed class NodeClient : IDisposable
{
    /// <summary>Where a token may stand beside a file.</summary>
    public const string TokenVariable = "PIPELINE_TOKEN";

    private readonly HttpClient _http;

    private NodeClient(HttpClient http, string node) => (_http, Name) = (http, node);

    /// <summary>For people.</summary>
    public string Name { get; }

    /// <summary>Whether it is there: it has answered something, if only why it does not do what it was asked for.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>The node at an address, or else one of the configuration's pipeline that runs on this machine.</summary>
    /// <exception cref="PipelineException">No node of it runs here, or there is no token.</exception>
    public static NodeClient Connect(Invocation invocation, NodeAddress address)
    {
        if (address.Url is null) return BySocket(invocation);
        var handler = HttpTransport.Create("node/server");
        if (address.CaFile is { } file) handler.SslOptions.CertificateChainPolicy = Trusting(file);
        return new NodeClient(new HttpClient(HttpTransport.Worded(handler)) { BaseAddress = address.Url, Timeout = Timeout.InfiniteTimeSpan, DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", TokenOf(invocation.Context, address)) } },
            $"Node {address.Url.GetLeftPart(UriPartial.Authority)}");
    }

    /// <summary>The nodes of the configuration's pipeline that run on this machine, the newest first; none without a configuration. Each is connected to when it is come to.</summary>
    public static IEnumerable<NodeClient> OfThisMachine(Invocation invocation) => invocation.TryLoad() is { } options ? SocketPlace.Find(options).Where(SocketPlace.Answers).Select(At) : [];

    /// <summary>What the node answers to a question; dispose it.</summary>
    /// <param name="path">As <c>/v1/status</c>.</param>
    /// <exception cref="PipelineException">It refuses, fails or is not there.</exception>
    public Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellationToken) => SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);

    /// <summary>What the node answers to a document that it is sent; dispose it.</summary>
    /// <exception cref="PipelineException">It refuses, fails or is not there.</exception>
    public Task<HttpResponseMessage> PostAsync<T>(string path, T document, CancellationToken cancellationToken)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(document, ApiJson.Options)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        return SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = content }, cancellationToken);
    }

    /// <summary>The document that the node answers with.</summary>
    /// <exception cref="PipelineException">It refuses, fails or is not there.</exception>
    public async Task<T> ReadAsync<T>(string path, CancellationToken cancellationToken)
        where T : class
    {
        using var response = await GetAsync(path, cancellationToken);
        return await DocumentAsync<T>(response, cancellationToken);
    }

    /// <summary>The document of an answer.</summary>
    /// <exception cref="PipelineException">It is of another release.</exception>
    public async Task<T> DocumentAsync<T>(HttpResponseMessage response, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            if (await JsonSerializer.DeserializeAsync<T>(body, ApiJson.Options, cancellationToken) is { } document) return document;
        }
        catch (JsonException e)
        {
            throw OfOther(e);
        }

        throw OfOther(inner: null);
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response;
        using (request)
        {
            try
            {
                response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            }
            catch (HttpRequestException e)
            {
                throw new PipelineException(FaultKind.Unreachable, Name, $"it does not answer: {(TlsFlaw.In(e) is null ? e.InnerException ?? e : e).Message.ReplaceLineEndings(" ").TrimEnd('.')}", TlsFlaw.In(e)?.NextStep ?? "Check that it runs and can be reached from here.", e);
            }
        }

        HasAnswered = true;
        if (response.IsSuccessStatusCode) return response;
        using (response) throw await RefusedAsync(response, cancellationToken);
    }

    private async Task<PipelineException> RefusedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var kind = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => FaultKind.NotAuthorised,
            HttpStatusCode.NotFound => FaultKind.Missing,
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway => FaultKind.Unreachable,
            HttpStatusCode.InternalServerError => FaultKind.Defect,
            _ => FaultKind.Invalid,
        };
        try
        {
            if (response.Content.Headers.ContentType?.MediaType == ApiProblem.MediaType
                && JsonSerializer.Deserialize<ApiProblem>(await response.Content.ReadAsByteArrayAsync(cancellationToken), ApiJson.Options) is { } problem)
                return new PipelineException(kind, problem.Thing == "This request" ? Name : problem.Thing, problem.Cause, problem.NextStep);
        }
        catch (JsonException e)
        {
            return OfOther(e);
        }

        return new PipelineException(kind, Name, $"it answers with {(int)response.StatusCode} and no reason", "Check that --url is the address of a node, and not of something before it.");
    }

    private PipelineException OfOther(Exception? inner) => new(FaultKind.Invalid, Name, "its answer cannot be read", "Use the command of the node's release, and check that --url is the address of a node.", inner);

    private static NodeClient BySocket(Invocation invocation)
    {
        var options = invocation.Load();
        if (SocketPlace.Find(options).FirstOrDefault(SocketPlace.Answers) is { } path) return At(path);
        throw new PipelineException(FaultKind.Unreachable, $"Pipeline {options.Name}", $"no node of it that this user may ask runs on this machine: there is no socket in {SocketPlace.DirectoryOf(options.Http)}",
            "Start one ('pipeline run'), ask as the user that runs it, or name another's address with --url.");
    }

    private static NodeClient At(string path)
    {
        var handler = HttpTransport.Create("node/server");
        handler.ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                if (!PeerCredentials.IsTrusted(socket)) throw new IOException($"a process of another user listens at {path}");
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        };
        return new NodeClient(new HttpClient(HttpTransport.Worded(handler)) { BaseAddress = new Uri("http://localhost"), Timeout = Timeout.InfiniteTimeSpan }, $"Node at {path}");
    }

    private static string TokenOf(NodeContext context, NodeAddress address)
    {
        if (address.TokenFile is not { } file)
            return context.Environment(TokenVariable)?.Trim() is { Length: > 0 } token ? token
                : throw new PipelineException(FaultKind.NotAuthorised, "This command", "it has no token", $"Name a file with one: --token-file FILE, or set {TokenVariable}.");
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PipelineException(FaultKind.NotAuthorised, $"Token file {file}", $"it cannot be read: {e.Message.TrimEnd('.')}", "Name one that this user may read.", e);
        }
    }

    private static X509ChainPolicy Trusting(string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
            return policy;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new PipelineException(FaultKind.Invalid, $"Certificate {file}", $"it cannot be read: {e.Message.TrimEnd('.')}", "Name a PEM file with the authority of the node's certificate.", e);
        }
    }
}
