namespace Pipeline.Core;

/// <summary>Says what was wrong where no secure connection comes about: whoever tells the error's message tells that.</summary>
internal sealed class WordedTransport(HttpMessageHandler transport) : DelegatingHandler(transport)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException e) when (TlsFlaw.In(e) is { } flaw)
        {
            throw new HttpRequestException(e.HttpRequestError, flaw.Cause, e);
        }
    }
}
