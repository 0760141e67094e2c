package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Network devices that move into the container (runtime-spec "Network Devices", rtnetlink(7)). One message moves and renames a device;
 * the kernel takes its addresses away with that, so those of global scope are given back on the other side.
 */
final class NetDeviceSteps {
    private static final int HEADER = 16;
    /** Of ifinfomsg and ifaddrmsg alike. */
    private static final int INDEX_AT = HEADER + 4;

    private static final int RTM_NEWLINK = 16;
    private static final int RTM_SETLINK = 19;
    private static final int RTM_NEWADDR = 20;
    private static final int NLM_F_REQUEST_ACK = 5;
    private static final int NLM_F_CREATE_EXCL = 0x600;
    private static final int IFLA_IFNAME = 3;
    private static final int IFLA_NET_NS_PID = 19;
    private static final int IFLA_NET_NS_FD = 28;
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int IFA_BROADCAST = 4;
    private static final int AF_INET6 = 10;
    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SIOCGIFINDEX = 0x8933;
    private static final int IFREQ_SIZE = 40;
    private static final int IFNAMSIZ = 16;

    private final PlanBuilder p;
    private final Map<String, Linux.NetDevice> devices;
    private final HostFacts host;
    private final Map<String, Arg.Slot> indexes = new LinkedHashMap<>();
    private final Arg.Slot netlink;

    NetDeviceSteps(Steps s, Linux linux, HostFacts host) {
        this.p = s.p;
        this.devices = linux.netDevices();
        this.host = host;
        this.netlink = p.slot();
    }

    boolean isNeeded() {
        return !devices.isEmpty();
    }

    /** In the runtime's network namespace: opens a way to it, and finds the devices. */
    void find() {
        open("open netlink socket");
        for (String name : devices.keySet()) {
            Arg.Slot index = p.slot();
            indexes.put(name, index);
            index("find network device " + name, name, index);
        }
    }

    private void open(String what) {
        p.callInto(netlink, what, Sys.SOCKET, c(AF_NETLINK), c(SOCK_RAW | SOCK_CLOEXEC), c(0));
    }

    private void index(String what, String name, Arg.Slot into) {
        byte[] ifreq = new byte[IFREQ_SIZE];
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(bytes, 0, ifreq, 0, Math.min(bytes.length, IFNAMSIZ - 1));
        Arg.Data data = p.bytes(ifreq);
        Arg.Slot fd = p.slot();
        p.callInto(fd, what, Sys.SOCKET, c(AF_INET), c(SOCK_DGRAM | SOCK_CLOEXEC), c(0));
        p.call(what, Sys.IOCTL, fd, c(SIOCGIFINDEX), data);
        p.load(into, data.plus(IFNAMSIZ), 4);
        p.attempt(Sys.CLOSE, fd);
    }

    /** Moves them to the network namespace of a process. */
    void moveToProcess(Arg.Slot pid) {
        move(IFLA_NET_NS_PID, pid);
    }

    /** Moves them to an open network namespace. */
    void moveToNamespace(Arg.Slot fd) {
        move(IFLA_NET_NS_FD, fd);
    }

    private void move(int attribute, Arg.Slot where) {
        for (String name : devices.keySet()) {
            String newName = newName(name);
            Message m = new Message(RTM_SETLINK, 0).u32(0).u32(0).u32(0).u32(0);
            int whereAt = m.attribute(attribute, new byte[4]);
            m.attribute(IFLA_IFNAME, (newName + "\0").getBytes(StandardCharsets.UTF_8));
            Arg.Data data = p.bytes(m.bytes());
            p.store(index(name), data.plus(INDEX_AT), 4);
            p.store(where, data.plus(whereAt), 4);
            request("move network device " + name + " into the container as " + newName, data, m.bytes().length);
        }
        p.attempt(Sys.CLOSE, netlink);
    }

    private Arg.Slot index(String name) {
        return java.util.Objects.requireNonNull(indexes.get(name));
    }

    private String newName(String name) {
        Linux.NetDevice device = devices.get(name);
        String wanted = device == null ? null : device.name();
        return wanted == null || wanted.isEmpty() ? name : wanted;
    }

    /** In the container's network namespace: gives addresses back, and brings the devices up. */
    void configure() {
        open("open netlink socket in the container");
        for (String name : devices.keySet()) {
            String newName = newName(name);
            // A template's outcome is not known; the kernel keeps a device's number where it is free.
            if (newName.indexOf('%') < 0) {
                index("find network device " + newName + " in the container", newName, index(name));
            }
            List<HostFacts.InterfaceAddress> addresses = host.netDevices().get(name);
            for (HostFacts.InterfaceAddress a : addresses == null ? List.<HostFacts.InterfaceAddress>of() : addresses) {
                address(newName, index(name), a);
            }
            Message up = new Message(RTM_NEWLINK, 0).u32(0).u32(0).u32(IFF_UP).u32(IFF_UP);
            Arg.Data data = p.bytes(up.bytes());
            p.store(index(name), data.plus(INDEX_AT), 4);
            request("bring network device " + newName + " up", data, up.bytes().length);
        }
        p.attempt(Sys.CLOSE, netlink);
    }

    private void address(String device, Arg.Slot index, HostFacts.InterfaceAddress a) {
        byte[] bytes = array(a.address());
        int family = bytes.length == 4 ? AF_INET : AF_INET6;
        // struct ifaddrmsg: family, prefix length, flags, scope (0: global), index
        Message m = new Message(RTM_NEWADDR, NLM_F_CREATE_EXCL)
                .u32(family | (a.prefix() << 8))
                .u32(0);
        m.attribute(IFA_LOCAL, bytes);
        m.attribute(IFA_ADDRESS, bytes);
        if (!a.broadcast().isEmpty()) {
            m.attribute(IFA_BROADCAST, array(a.broadcast()));
        }
        Arg.Data data = p.bytes(m.bytes());
        p.store(index, data.plus(INDEX_AT), 4);
        request("give network device " + device + " its address back", data, m.bytes().length);
    }

    private static byte[] array(List<Byte> list) {
        byte[] bytes = new byte[list.size()];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = list.get(i);
        }
        return bytes;
    }

    /** Sends a message and fails with the errno that comes back (struct nlmsgerr). */
    private void request(String what, Arg.Data data, int length) {
        Arg.Data answer = p.room(256);
        Arg.Slot error = p.slot();
        PlanBuilder.Label good = new PlanBuilder.Label();
        p.call(what, Sys.SENDTO, netlink, data, c(length), c(0), Arg.ZERO, c(0));
        p.call(what, Sys.RECVFROM, netlink, answer, c(256), c(0), Arg.ZERO, Arg.ZERO);
        p.load(error, answer.plus(HEADER), 4);
        p.jumpIfEqual(error, c(0), good);
        p.fail(what, error);
        p.place(good);
    }

    /** A netlink message being written. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private byte @Nullable [] done;

        Message(int type, int moreFlags) {
            u32(0); // the length, at the end
            u32(type | ((NLM_F_REQUEST_ACK | moreFlags) << 16));
            u32(1);
            u32(0);
        }

        Message u32(int value) {
            for (int i = 0; i < 4; i++) {
                out.write(value >>> (8 * i));
            }
            return this;
        }

        /** Adds an attribute and tells where its value is. */
        int attribute(int type, byte[] value) {
            u32((4 + value.length) | (type << 16));
            int at = out.size();
            out.writeBytes(value);
            while (out.size() % 4 != 0) {
                out.write(0);
            }
            return at;
        }

        byte[] bytes() {
            if (done == null) {
                done = out.toByteArray();
                for (int i = 0; i < 4; i++) {
                    done[i] = (byte) (done.length >>> (8 * i));
                }
            }
            return done;
        }
    }
}
