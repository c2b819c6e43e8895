// The table of verdicts: what is said of each, and what to do.
#include <algorithm>
#include <array>

#include "mesh/path_steps.h"

namespace meshops::path {

namespace {

constexpr auto kBreaks = Weight::breaks, kNote = Weight::note, kFine = Weight::good,
               kSkipped = Weight::skipped;

// {from} and {to} are nodes or hosts, {detail} what was seen, {service} what should answer.
constexpr std::array kMeanings{
    Meaning{Verdict::good, "good", Layer::tcp, kFine, "the way from {from} to {to} is good", ""},
    Meaning{Verdict::not_looked, "not_looked", Layer::tcp, kSkipped, "nothing was looked at", ""},

    Meaning{Verdict::no_such_name, "no_such_name", Layer::name, kBreaks,
            "{from} finds no address for {name}: {detail}",
            "add the name where {from} asks ({detail}), or write an address into mesh.toml"},
    Meaning{Verdict::no_name_server, "no_name_server", Layer::name, kBreaks,
            "{from} finds no address for {name}, because no name server answers: {detail}",
            "look at /etc/resolv.conf on {from}, and whether its name servers can be reached; or write an "
            "address into mesh.toml"},
    Meaning{
        Verdict::hosts_file_misleads, "hosts_file_misleads", Layer::name, kBreaks,
        "{from} takes {name} for {address}, where the way ends, and only a line of a file says so: {detail}",
        "correct or remove that line of /etc/hosts on {from}"},
    Meaning{Verdict::hosts_file_differs, "hosts_file_differs", Layer::name, kNote,
            "/etc/hosts of {from} says another address of {name} than its name server: {detail}",
            "remove the line, or correct the record"},
    Meaning{Verdict::servers_differ, "servers_differ", Layer::name, kNote,
            "the name servers of {from} do not agree about {name}: {detail}",
            "ask each of them, and the zone's own: dig +short {name} @SERVER"},

    Meaning{Verdict::no_route, "no_route", Layer::route, kBreaks,
            "{from} has no route to {address}: {detail}",
            "on {from}: ip route get {address}; a default route is missing, or an overlay network is down"},
    Meaning{Verdict::prohibited, "prohibited", Layer::route, kBreaks,
            "a route on {from} forbids the way to {address}",
            "on {from}: ip route show; remove the prohibiting route"},

    Meaning{Verdict::ping_blocked, "ping_blocked", Layer::icmp, kNote,
            "{to} does not answer pings, which is no fault", ""},
    Meaning{Verdict::ping_refused, "ping_refused", Layer::icmp, kNote, "pings to {to} are refused: {detail}",
            ""},

    Meaning{Verdict::refused, "refused", Layer::tcp, kBreaks,
            "{to} is up, but nothing takes connections on {address} port {port} (refused)",
            "on {to}: is {service} running, and on that address? ss -ltnp 'sport = :{port}'; a firewall that "
            "rejects looks the same"},
    Meaning{
        Verdict::dropped, "dropped", Layer::tcp, kBreaks,
        "{to} is up, but what is sent to its port {port} is dropped in silence",
        "let {from} through to port {port}: the firewall of {to} (nft list ruleset, fail2ban), then the one "
        "of its provider"},
    Meaning{
        Verdict::silent, "silent", Layer::tcp, kBreaks, "nothing at all comes back from {address} to {from}",
        "look at its console whether {to} is up; then at firewalls and security groups on both ends (port "
        "{port})"},
    Meaning{Verdict::no_neighbour, "no_neighbour", Layer::tcp, kBreaks,
            "no machine answers to {address} where its network ends: {to} is off, or has another address",
            "look at its console whether {to} is up and has that address: ip address"},
    Meaning{Verdict::no_tcp_route, "no_tcp_route", Layer::tcp, kBreaks,
            "there is no way on to {address}: {detail}", "see where it ends: tracepath -n {address}"},
    Meaning{Verdict::reset, "reset", Layer::tcp, kBreaks,
            "a connection to {address} port {port} is reset as soon as it stands",
            "look at the journal of {service} on {to}, and for a proxy or firewall in between"},
    Meaning{Verdict::forbidden_here, "forbidden_here", Layer::tcp, kBreaks,
            "the firewall of {from} itself does not let it connect to {address} port {port}",
            "on {from}: nft list ruleset, chains of output"},
    Meaning{Verdict::tcp_failed, "tcp_failed", Layer::tcp, kBreaks,
            "{from} cannot connect to {address} port {port}: {detail}",
            "see the same by hand: nc -vz {address} {port}"},

    Meaning{Verdict::black_hole, "black_hole", Layer::mtu, kBreaks,
            "small packets reach {to} and large ones vanish without a word ({detail})",
            "lower the MTU of that interface on {from} (ip link set dev IFACE mtu 1280), or let ICMP "
            "\"packet too "
            "large\" through on the way"},
    Meaning{Verdict::smaller, "smaller", Layer::mtu, kFine,
            "the way carries smaller packets than the interface, and says so", ""},
    Meaning{Verdict::large_pings_lost, "large_pings_lost", Layer::mtu, kNote,
            "large pings are lost on the way to {to}, while TCP gets through ({detail})", ""},
    Meaning{Verdict::maybe_black_hole, "maybe_black_hole", Layer::mtu, kNote,
            "large packets to {to} may vanish without a word ({detail})",
            "if transfers hang, lower the MTU of that interface on {from}"},

    Meaning{
        Verdict::tls_silent, "tls_silent", Layer::tls, kBreaks,
        "{to} takes the connection on port {port} and then says nothing in the TLS handshake",
        "see whether {service} hangs on {to}; a large packet lost on the way back looks the same: meshops "
        "path {to} {from}"},
    Meaning{Verdict::tls_closed, "tls_closed", Layer::tls, kBreaks,
            "{to} closes the connection on port {port} in the TLS handshake",
            "does that port speak TLS at all, and for this name? openssl s_client -connect {address}:{port}"},
    Meaning{Verdict::tls_failed, "tls_failed", Layer::tls, kBreaks,
            "{to} and {from} do not agree on TLS: {detail}",
            "see what it offers: openssl s_client -connect {address}:{port}"},
    Meaning{Verdict::expired, "expired", Layer::tls, kBreaks, "the certificate of {to} has expired: {detail}",
            "renew it on {to}, and see why that did not happen by itself"},
    Meaning{Verdict::not_yet, "not_yet", Layer::tls, kBreaks,
            "the certificate of {to} is not valid yet: {detail}", "look at the clocks of both: timedatectl"},
    Meaning{Verdict::wrong_name, "wrong_name", Layer::tls, kBreaks,
            "the certificate that {to} shows is not for {name}: {detail}",
            "get one with that name, or call {to} by a name that it has"},
    Meaning{Verdict::untrusted, "untrusted", Layer::tls, kBreaks,
            "{from} does not trust the certificate of {to}: {detail}",
            "serve the whole chain on {to}; an authority of your own must be installed on {from}"},
    Meaning{Verdict::ends_soon, "ends_soon", Layer::tls, kNote, "the certificate of {to} ends soon: {detail}",
            "renew it on {to}"},

    Meaning{Verdict::http_silent, "http_silent", Layer::http, kBreaks,
            "{to} takes the connection on port {port} and does not answer the request",
            "{service} hangs: meshops status on {to}"},
    Meaning{Verdict::http_closed, "http_closed", Layer::http, kBreaks,
            "{to} closes the connection on port {port} without an answer",
            "does that port speak HTTP, or HTTPS? look at the journal of {service} on {to}"},
    Meaning{Verdict::not_http, "not_http", Layer::http, kBreaks,
            "what answers on {to} port {port} is no HTTP: {detail}",
            "is that the right port? on {to}: ss -ltnp 'sport = :{port}'"},
    Meaning{Verdict::server_error, "server_error", Layer::http, kBreaks,
            "the way to {to} is good, but {service} answers that it cannot: {detail}",
            "on {to}: meshops status, meshops diagnose"},
    Meaning{Verdict::not_there, "not_there", Layer::http, kNote,
            "{to} answers, and knows nothing of {detail}", "look at the path of the URL"},

    Meaning{Verdict::asks_for_login, "asks_for_login", Layer::auth, kFine,
            "{to} asks for a login, as it should", ""},
    Meaning{Verdict::ssh_silent, "ssh_silent", Layer::auth, kBreaks,
            "{to} takes the connection on port {port}, and its sshd says nothing",
            "{to} is overloaded, frozen or out of memory: look at its console"},
    Meaning{Verdict::ssh_closed, "ssh_closed", Layer::auth, kBreaks,
            "sshd of {to} hangs up on {from}: {detail}",
            "on {to}: journalctl -u ssh; MaxStartups, PerSourcePenalties and hosts.deny do this"},
    Meaning{Verdict::not_ssh, "not_ssh", Layer::auth, kBreaks,
            "what answers on {to} port {port} is no SSH: {detail}",
            "is ssh_port of {to} right in mesh.toml? on {to}: ss -ltnp 'sport = :{port}'"},
    Meaning{
        Verdict::key_unknown, "key_unknown", Layer::auth, kNote,
        "{from} does not know the host key of {to} yet ({detail})",
        "compare it on the console of {to} (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then connect "
        "once by hand"},
    Meaning{
        Verdict::key_changed, "key_changed", Layer::auth, kBreaks,
        "{to} shows another host key than {from} knows: it was set up anew, or somebody else answers "
        "({detail})",
        "compare it on the console of {to} (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); only if it is "
        "right: ssh-keygen -R {name}"},
    Meaning{Verdict::key_revoked, "key_revoked", Layer::auth, kBreaks,
            "{to} shows a host key that is marked as revoked ({detail})", "give {to} a new host key"},

    Meaning{
        Verdict::no_hairpin, "no_hairpin", Layer::hairpin, kNote,
        "{from} does not reach itself by its own address {detail}",
        "programs on {from} must use 127.0.0.1; or let the router turn such packets around (NAT hairpin)"},
};

static_assert(std::ranges::is_sorted(kMeanings, {}, &Meaning::verdict));

}  // namespace

std::span<const Meaning> meanings() { return kMeanings; }
const Meaning& meaning(Verdict verdict) { return *std::ranges::find(kMeanings, verdict, &Meaning::verdict); }

}  // namespace meshops::path
