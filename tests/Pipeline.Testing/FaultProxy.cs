using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Pipeline.Testing;

/// <summary>What a proxy does to a request instead of passing it on.</summary>
public abstract record ProxyFault
{
    private ProxyFault()
    {
    }

    /// <summary>Answers by itself; the upstream never hears of the request.</summary>
    public sealed record Answer(int Status, string Code) : ProxyFault;

    /// <summary>Answers by itself with what else a server or somebody before it may say.</summary>
    public sealed record AnswerWith(int Status, string Body, string ContentType) : ProxyFault;

    /// <summary>Lets the upstream act and answers by itself.</summary>
    public sealed record AnswerAfterActing(int Status, string Code) : ProxyFault;

    /// <summary>Answers by itself and lets the upstream act then: who asks does not wait for it.</summary>
    public sealed record AnswerBeforeActing(int Status, string Body, string ContentType) : ProxyFault;

    /// <summary>Closes the connection; the upstream never hears of the request.</summary>
    public sealed record Drop : ProxyFault;

    /// <summary>Lets the upstream act and closes the connection.</summary>
    public sealed record DropAfterActing : ProxyFault;

    /// <summary>Lets the upstream act and closes the connection after half of the answer's body.</summary>
    public sealed record Truncate : ProxyFault;

    /// <summary>Lets the upstream act and changes the last byte of the answer's body.</summary>
    public sealed record Flip : ProxyFault;

    /// <summary>Lets the upstream act and answers with what becomes of its answer's body.</summary>
    public sealed record Change(Func<byte[], byte[]> Body) : ProxyFault;

    /// <summary>Lets the upstream act and answers after a while.</summary>
    public sealed record Late(TimeSpan By) : ProxyFault;

    /// <summary>Lets the upstream act and does not answer until the client gives up.</summary>
    public sealed record Stall : ProxyFault
    {
        private readonly TaskCompletionSource _acted = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Done when the upstream has acted.</summary>
        public Task Acted => _acted.Task;

        internal void HasActed() => _acted.TrySetResult();
    }
}

/// <summary>A request as a proxy sees it.</summary>
/// <param name="Target">Path and query as sent.</param>
/// <param name="IsConditional">Carries <c>If-None-Match</c>.</param>
public sealed record ProxiedRequest(string Method, string Target, bool IsConditional)
{
    /// <summary>Of temporary AWS credentials that it is signed with; null: it is not.</summary>
    public string? SessionToken { get; init; }
}

/// <summary>
/// An HTTP proxy on the loopback interface in front of one upstream, which fails as told. Requests go through unchanged
/// (host name included), so that signatures stay valid.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
        { "Connection", "Keep-Alive", "Transfer-Encoding", "Proxy-Connection", "Expect", "Upgrade", "Date", "Server" };

    private readonly Uri _upstream;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, MaxConnectionsPerServer = 64 }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly WebApplication _web;
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _conditional = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<ProxiedRequest> _requests = new();
    private readonly ConcurrentQueue<ProxyFault> _injected = new();
    private readonly Lock _counting = new();
    private long _answeredBytes;
    private int _atOnce;
    private volatile Func<ProxiedRequest, ProxyFault?> _rule = _ => null;

    private FaultProxy(Uri upstream)
    {
        _upstream = upstream;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        _web = builder.Build();
        _web.Run(PassAsync);
    }

    public Uri Url { get; private set; } = null!;

    /// <summary>Requests so far, failed ones included.</summary>
    public IReadOnlyCollection<ProxiedRequest> Requests => _requests;

    /// <summary>Faults that have struck.</summary>
    public IReadOnlyCollection<ProxyFault> Injected => _injected;

    /// <summary>Bytes of the bodies of the upstream's answers that were passed on.</summary>
    public long AnsweredBytes => Interlocked.Read(ref _answeredBytes);

    private int AtOnce
    {
        get
        {
            lock (_counting) return _atOnce;
        }
    }

    /// <summary>How many requests were under way at once, at most.</summary>
    public int MostAtOnce { get; private set; }

    public static async Task<FaultProxy> StartAsync(Uri upstream, CancellationToken cancellationToken)
    {
        var proxy = new FaultProxy(upstream);
        await proxy._web.StartAsync(cancellationToken);
        var addresses = proxy._web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        proxy.Url = new Uri(addresses.Addresses.Single());
        return proxy;
    }

    /// <summary>From now on every request is judged by <paramref name="rule"/>; null lets it pass.</summary>
    public void Use(Func<ProxiedRequest, ProxyFault?> rule) => _rule = rule;

    /// <summary>The next <paramref name="times"/> requests that <paramref name="isIt"/> accepts suffer <paramref name="fault"/>.</summary>
    public void Inject(ProxyFault fault, Func<ProxiedRequest, bool> isIt, int times = 1)
    {
        var left = times;
        _rule = request => isIt(request) && Interlocked.Decrement(ref left) >= 0 ? fault : null;
    }

    /// <summary>Waits until no request is under way.</summary>
    public async Task UntilIdleAsync(CancellationToken cancellationToken)
    {
        while (AtOnce > 0) await Task.Delay(20, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _web.DisposeAsync();
        _http.Dispose();
        foreach (var gate in _conditional.Values) gate.Dispose();
    }

    private async Task PassAsync(HttpContext http)
    {
        lock (_counting) MostAtOnce = Math.Max(MostAtOnce, ++_atOnce);
        try
        {
            await AnswerAsync(http);
        }
        finally
        {
            lock (_counting) _atOnce--;
        }
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var request = new ProxiedRequest(http.Request.Method, target, http.Request.Headers.ContainsKey("If-None-Match"))
        {
            SessionToken = http.Request.Headers["X-Amz-Security-Token"] is [{ } token] ? token : null,
        };
        _requests.Enqueue(request);
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        var fault = _rule(request);
        if (fault is not null) _injected.Enqueue(fault);
        switch (fault)
        {
            case ProxyFault.Answer answer:
                await AnswerAsync(http, answer.Status, answer.Code);
                return;
            case ProxyFault.AnswerWith answer:
                http.Response.StatusCode = answer.Status;
                http.Response.ContentType = answer.ContentType;
                await http.Response.WriteAsync(answer.Body);
                return;
            case ProxyFault.AnswerBeforeActing answer:
                http.Response.StatusCode = answer.Status;
                http.Response.ContentType = answer.ContentType;
                // The next request would wait on this connection.
                http.Response.Headers.Connection = "close";
                await http.Response.WriteAsync(answer.Body);
                await http.Response.CompleteAsync();
                break;
            case ProxyFault.Drop:
                http.Abort();
                return;
        }

        using var response = await ForwardAsync(http, request, body.ToArray());
        switch (fault)
        {
            case ProxyFault.AnswerBeforeActing:
                break;
            case ProxyFault.AnswerAfterActing answer:
                await AnswerAsync(http, answer.Status, answer.Code);
                break;
            case ProxyFault.DropAfterActing:
                http.Abort();
                break;
            case ProxyFault.Late late:
                await Task.Delay(late.By, http.RequestAborted);
                await ReturnAsync(http, response, fault);
                break;
            case ProxyFault.Stall stall:
                stall.HasActed();
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            default:
                await ReturnAsync(http, response, fault);
                break;
        }
    }

    private async Task<HttpResponseMessage> ForwardAsync(HttpContext http, ProxiedRequest request, byte[] body)
    {
        // Some stand-ins look first and write then: two conditional writes of one object must not meet in between.
        var gate = request.IsConditional ? _conditional.GetOrAdd(request.Target, _ => new SemaphoreSlim(1, 1)) : null;
        if (gate is not null) await gate.WaitAsync();
        try
        {
            using var message = new HttpRequestMessage(new HttpMethod(request.Method),
                new Uri($"{_upstream.Scheme}://{_upstream.Authority}{request.Target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
            if (body.Length > 0 || http.Request.ContentLength is not null) message.Content = new ByteArrayContent(body);
            foreach (var (name, values) in http.Request.Headers)
            {
                if (HopByHop.Contains(name)) continue;
                if (!message.Headers.TryAddWithoutValidation(name, values.AsEnumerable())) message.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
            }

            return await _http.SendAsync(message, HttpCompletionOption.ResponseContentRead);
        }
        finally
        {
            gate?.Release();
        }
    }

    private async Task ReturnAsync(HttpContext http, HttpResponseMessage response, ProxyFault? fault)
    {
        http.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.Concat(response.Content.Headers))
            if (!HopByHop.Contains(name)) http.Response.Headers[name] = values.ToArray();
        var content = await response.Content.ReadAsByteArrayAsync();
        if (content.Length == 0) return;
        if (fault is ProxyFault.Flip) content[^1] ^= 1;
        if (fault is ProxyFault.Change change) http.Response.ContentLength = (content = change.Body(content)).Length;
        var isTruncated = fault is ProxyFault.Truncate;
        Interlocked.Add(ref _answeredBytes, isTruncated ? content.Length / 2 : content.Length);
        await http.Response.Body.WriteAsync(isTruncated ? content.AsMemory(0, content.Length / 2) : content);
        if (!isTruncated) return;
        await http.Response.Body.FlushAsync();
        http.Abort();
    }

    private static async Task AnswerAsync(HttpContext http, int status, string code)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/xml";
        if (!HttpMethods.IsHead(http.Request.Method))
            await http.Response.WriteAsync($"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>injected</Message></Error>");
    }
}
