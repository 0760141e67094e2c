package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import dev.caisson.linux.HostFiles;
import dev.caisson.ttrpc.proto.guest.Interface;
import dev.caisson.ttrpc.proto.guest.Route;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The machine's network cards: what the pod's interfaces were on the host they are here. */
final class Interfaces {
    private static final Path CLASS = Path.of("/sys/class/net");
    private static final Path SETTINGS = Path.of("/proc/sys/net/ipv6/conf");
    private static final Path BUS = Path.of("/sys/bus/virtio");
    /** Cards that were taken away: link-layer address and device of each. A later agent reads it too. */
    private static final Path AWAY = Path.of("/run/caisson/cards");

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}");
    private static final Pattern ADDRESS = Pattern.compile("[0-9a-fA-F.:]+(/[0-9]+)?");
    private static final Pattern MAC = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}");
    private static final String LOOPBACK = "lo";
    private static final String IP = "/bin/busybox ip ";

    private Interfaces() {}

    /** Takes away what is none of these: a pod sees the interfaces that it has, however many cards its machine was made with. */
    static void keep(List<Interface> wanted) throws ContainerFault {
        List<String> names = wanted.stream().map(Interface::getName).toList();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(CLASS)) {
            for (Path each : all) {
                String name = each.getFileName().toString();
                Path device = each.resolve("device");
                if (!name.equals(LOOPBACK) && !names.contains(name) && Files.exists(device)) {
                    String number = device.toRealPath().getFileName().toString();
                    Files.writeString(
                            AWAY,
                            address(each) + " " + number + "\n",
                            StandardOpenOption.CREATE,
                            StandardOpenOption.APPEND);
                    HostFiles.write(device.resolve("driver/unbind").toString(), number);
                }
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "take away a network card: " + Errno.describe(e), e);
        }
    }

    static void setUp(Interface wanted) throws ContainerFault {
        require(NAME, wanted.getName());
        require(MAC, wanted.getMac());
        try {
            String found = wanted.getCard().isEmpty() ? known(wanted.getName()) : card(wanted.getCard());
            takeNothingMore(found);
            List<String> words = new ArrayList<>();
            if (wanted.getCard().isEmpty()) {
                words.add("addr flush dev " + found);
            }
            if (!address(CLASS.resolve(found)).equals(wanted.getMac())) {
                words.add("link set dev " + found + " address " + wanted.getMac());
            }
            String name = wanted.getName();
            if (!found.equals(name)) {
                words.add("link set dev " + found + " name " + name);
            }
            words.add("link set dev " + name + " mtu " + wanted.getMtu() + " up");
            for (String address : wanted.getAddressesList()) {
                require(ADDRESS, address);
                words.add("addr add " + address + " dev " + name);
            }
            for (Route route : wanted.getRoutesList()) {
                words.add(route(route, name));
            }
            ip(words);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "set up interface " + wanted.getName() + ": " + Errno.describe(e), e);
        }
    }

    /**
     * Addresses are the pod's, on the host: there it was made sure that nobody else has them, which takes a second or two in which they are of no use; and
     * no router gives others. Does nothing in a kernel without IPv6.
     */
    private static void takeNothingMore(String name) {
        Path settings = SETTINGS.resolve(name);
        for (String each : List.of("accept_dad", "accept_ra")) {
            HostFiles.tryWrite(settings.resolve(each).toString(), "0");
        }
    }

    /** An address brings its own network's route along: replacing does not mind. */
    private static String route(Route route, String name) throws ContainerFault {
        require(ADDRESS, route.getTarget());
        String version = route.getTarget().indexOf(':') >= 0 ? "-6" : "-4";
        String via = "";
        if (!route.getGateway().isEmpty()) {
            require(ADDRESS, route.getGateway());
            via = " via " + route.getGateway();
        }
        return version + " route replace " + route.getTarget() + via + " dev " + name;
    }

    private static void require(Pattern pattern, String text) throws ContainerFault {
        if (!pattern.matcher(text).matches()) {
            throw new ContainerFault(Kind.INVALID, "set up network: \"" + text + "\" is neither name nor address");
        }
    }

    private static String known(String name) throws IOException {
        if (!Files.exists(CLASS.resolve(name).resolve("device"))) {
            throw new IOException("the machine was written down without one");
        }
        return name;
    }

    /** The interface of a card, which comes back for it if it was taken away; its address may have changed meanwhile. */
    private static String card(String address) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(CLASS)) {
            for (Path each : all) {
                if (address(each).equals(address)) {
                    return each.getFileName().toString();
                }
            }
        }
        String away = HostFiles.textIfPresent(AWAY.toString());
        for (String line : away == null ? new String[0] : away.split("\n", -1)) {
            if (line.startsWith(address + " ")) {
                String device = line.substring(address.length() + 1);
                HostFiles.write(BUS.resolve("drivers/virtio_net/bind").toString(), device);
                List<HostFiles.Entry> made = HostFiles.listIfPresent(
                        BUS.resolve("devices").resolve(device).resolve("net").toString());
                if (made != null && !made.isEmpty()) {
                    return made.getFirst().name();
                }
            }
        }
        throw new IOException("there is no card with the address " + address);
    }

    private static String address(Path each) throws IOException {
        String address = HostFiles.textIfPresent(each.resolve("address").toString());
        return address == null ? "" : address.strip();
    }

    /** Busybox's, one after the other in one process; all that is in these words has been looked at. */
    private static void ip(List<String> commands) throws IOException {
        String script = IP + String.join(" && " + IP, commands);
        Process process = new ProcessBuilder("/bin/busybox", "sh", "-xc", script)
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(said.strip());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
